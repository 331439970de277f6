import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";

import { PROJECT_ROOT } from "../config.ts";

/** A place in a file that a person edits. Lines and columns count from 1. */
export interface SqlPlace {
  file: string;
  line: number;
  column: number;
  text: string;
}

/** For a terminal: where it is, the line itself, and a caret. */
export function describePlace({ file, line, column, text }: SqlPlace): string {
  const margin = `${line} | `;
  return [
    `${relative(PROJECT_ROOT, file)}:${line}:${column}`,
    `  ${margin}${text}`,
    // Tabs stay tabs, so that the caret stands under the character whatever the terminal's tab width.
    `  ${" ".repeat(margin.length)}${text.slice(0, column - 1).replace(/[^\t]/g, " ")}^`,
  ].join("\n");
}

interface Frame {
  file: string;
  line: number;
}

const SPLIT = /^--! split: (\S+\.sql)$/;
const INCLUDED = /^--! Included (\S+\.sql)$/;
const END_INCLUDED = /^--! EndIncluded \S+\.sql$/;

/**
 * Finds the file and line behind a position in a compiled migration, which is many files put together: markers say
 * where each begins and ends, and graphile-migrate trims blank lines off their ends.
 *
 * @param compiled the text that Postgres was given, with graphile-migrate's markers in it.
 * @param position counted in characters from 1, as Postgres reports it.
 * @param migrationsFolder where `current` and `fixtures` lie.
 */
export async function findSqlPlace(
  compiled: string,
  position: number,
  migrationsFolder: string,
): Promise<SqlPlace> {
  const lines = compiled.split("\n");
  const { line: compiledLine, column, text } = placeInText(compiled, position);

  const frames: Frame[] = [{ file: join(migrationsFolder, "current.sql"), line: 0 }];
  for (const line of lines.slice(0, compiledLine)) {
    const split = SPLIT.exec(line)?.[1];
    const included = INCLUDED.exec(line)?.[1];
    if (split !== undefined) {
      frames[0] = await openFrame(join(migrationsFolder, "current", split));
    } else if (included !== undefined) {
      advance(frames);
      frames.push(await openFrame(join(migrationsFolder, "fixtures", included)));
    } else if (END_INCLUDED.test(line)) {
      frames.pop();
    } else {
      advance(frames);
    }
  }
  const { file, line } = frames.at(-1) ?? { file: "", line: 0 };
  return { file, line, column, text };
}

/** `position` counts characters from 1. */
export function placeInText(sql: string, position: number): Omit<SqlPlace, "file"> {
  const before = Array.from(sql)
    .slice(0, position - 1)
    .join("");
  const line = before.split("\n").length;
  const column = before.length - (before.lastIndexOf("\n") + 1) + 1;
  return { line, column, text: sql.split("\n")[line - 1] ?? "" };
}

function advance(frames: Frame[]): void {
  const frame = frames.at(-1);
  if (frame !== undefined) {
    frame.line += 1;
  }
}

/** Blank lines at the top of a file are not in the compiled text. */
async function openFrame(file: string): Promise<Frame> {
  const content = await readFile(file, "utf8").catch(() => "");
  const blank = /^(?:[^\S\n]*\n)*/.exec(content)?.[0] ?? "";
  return { file, line: blank.split("\n").length - 1 };
}
