import { DatabaseError } from "pg";

import { describePlace, type SqlPlace } from "./sqlErrorPlace.ts";

/** A migration that failed. The message is for a terminal: file, line, the line itself, a caret, what Postgres says. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
  readonly place: SqlPlace | undefined;

  /** `explanations`: what else there is to know about why, each for a terminal. */
  constructor(cause: Error, place?: SqlPlace, explanations: readonly string[] = []) {
    super([describe(cause, place), ...explanations].join("\n"), { cause });
    this.place = place;
  }
}

function describe(cause: Error, place: SqlPlace | undefined): string {
  const lines: string[] = [];
  if (place !== undefined) {
    lines.push(describePlace(place));
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
