import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A place in a file that a person edits. Lines and columns count from 1. */
export interface SqlPlace {
  file: string;
  line: number;
  column: number;
  text: string;
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
  const before = Array.from(compiled)
    .slice(0, position - 1)
    .join("");
  const lines = compiled.split("\n");
  const lineIndex = before.split("\n").length - 1;
  const column = before.length - (before.lastIndexOf("\n") + 1) + 1;

  const frames: Frame[] = [{ file: join(migrationsFolder, "current.sql"), line: 0 }];
  for (const line of lines.slice(0, lineIndex + 1)) {
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
  return { file, line, column, text: lines[lineIndex] ?? "" };
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
