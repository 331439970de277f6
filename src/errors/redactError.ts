import { isNativeError } from "node:util/types";

/** What the log keeps of an error: where and what kind, never the values it was about. */
export interface RedactedError {
  name: string;
  sqlState?: string;
  message: string;
  schema?: string;
  table?: string;
  column?: string;
  constraint?: string;
  routine?: string;
  /** PL/pgSQL call stack, innermost first. */
  functions?: string[];
  /** JavaScript frames, without the message. */
  stack?: string[];
  cause?: RedactedError;
}

const MAXIMUM_FRAMES = 12;
const MAXIMUM_DEPTH = 3;
const PLPGSQL_FRAME =
  /^(?:PL\/pgSQL|SQL) function \S+?(?:\([^)]*\))?(?: line \d+ at [A-Za-z ]+| statement \d+)?$/;

/** Describes an error for the server's log. Quoted text, addresses, ids and numbers of its message are blanked. */
export function redactError(error: unknown, depth = 0): RedactedError {
  if (!isNativeError(error)) {
    return { name: typeof error, message: "a value that is not an error was thrown" };
  }
  const fields = error as Error & Record<string, unknown>;
  const where = typeof fields.where === "string" ? fields.where.split("\n") : [];
  return {
    name: error.name,
    sqlState: text(fields.code),
    message: redactText(error.message),
    schema: text(fields.schema),
    table: text(fields.table),
    column: text(fields.column),
    constraint: text(fields.constraint),
    routine: text(fields.routine),
    functions: where.length > 0 ? where.filter((line) => PLPGSQL_FRAME.test(line)) : undefined,
    stack: error.stack
      ?.split("\n")
      .filter((line) => /^\s+at /.test(line))
      .slice(0, MAXIMUM_FRAMES)
      .map((line) => line.trim()),
    cause:
      error.cause !== undefined && depth < MAXIMUM_DEPTH ? redactError(error.cause, depth + 1) : undefined,
  };
}

/** Blanks what may be data in a sentence: anything in quotes or parentheses, e-mail addresses, ids, numbers. */
export function redactText(message: string): string {
  return message
    .replace(/"[^"]*"|'[^']*'|\([^)]*\)/g, (quoted) => (isIdentifier(quoted) ? quoted : "[…]"))
    .replace(/\S+@\S+/g, "[…]")
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, "[…]")
    .replace(/\d{3,}/g, "[…]");
}

/** Postgres quotes names of tables, columns and constraints like values; ours are lower snake case with an underscore. */
function isIdentifier(quoted: string): boolean {
  return /^"[a-z]+(?:_[a-z0-9]+)+"$/.test(quoted);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
