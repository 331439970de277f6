import { relative } from "node:path";

import { DatabaseError } from "pg";

import { PROJECT_ROOT } from "../config.ts";
import type { SqlPlace } from "./sqlErrorPlace.ts";

/** A migration that failed. The message is for a terminal: file, line, the line itself, a caret, what Postgres says. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
  readonly place: SqlPlace | undefined;

  constructor(cause: Error, place?: SqlPlace) {
    super(describe(cause, place), { cause });
    this.place = place;
  }
}

function describe(cause: Error, place: SqlPlace | undefined): string {
  const lines: string[] = [];
  if (place !== undefined) {
    const { file, line, column, text } = place;
    const margin = `${line} | `;
    lines.push(`${relative(PROJECT_ROOT, file)}:${line}:${column}`);
    lines.push(`  ${margin}${text}`);
    // Tabs stay tabs, so that the caret stands under the character whatever the terminal's tab width.
    lines.push(`  ${" ".repeat(margin.length)}${text.slice(0, column - 1).replace(/[^\t]/g, " ")}^`);
  }
  lines.push(cause.message);
  if (cause instanceof DatabaseError) {
    lines.push(...detailLines(cause));
  }
  return lines.join("\n");
}

function detailLines({ code, detail, hint, where }: DatabaseError): string[] {
  const fields = { code, detail, hint, where };
  return Object.entries(fields).flatMap(([name, value]) => (value ? [`  ${name}: ${value}`] : []));
}
