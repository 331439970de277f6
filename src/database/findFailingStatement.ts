import { withClient } from "./withClient.ts";

/** What may hold a semicolon that ends nothing, and the semicolon that does. */
const TOKENS =
  /--[^\n]*|\/\*[^]*?\*\/|\b[eE]'(?:[^'\\]|\\[^]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[^]*?\$\1\$|;/g;
const BLANK = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*/;

/**
 * Finds the statement that makes a migration fail, for the many errors to which Postgres gives no position: runs the
 * statements one by one in a transaction that is rolled back.
 *
 * @returns the position of its first character, counted in characters from 1; null when nothing fails this time.
 */
export async function findFailingStatement(url: string, sql: string): Promise<number | null> {
  return withClient(url, async (client) => {
    // Never committed: the transaction goes with the connection.
    await client.query("begin");
    for (const { start, text } of splitStatements(sql)) {
      const isFailing = await client.query(text).then(
        () => false,
        () => true,
      );
      if (isFailing) {
        return Array.from(sql.slice(0, start)).length + 1;
      }
    }
    return null;
  });
}

interface Statement {
  /** Index of its first character that is neither blank nor comment. */
  start: number;
  text: string;
}

/** Cuts SQL at the semicolons that end statements. */
export function splitStatements(sql: string): Statement[] {
  const ends = [...sql.matchAll(TOKENS)].filter(([token]) => token === ";").map(({ index }) => index + 1);
  const statements: Statement[] = [];
  let from = 0;
  for (const end of [...ends, sql.length]) {
    const start = from + (BLANK.exec(sql.slice(from, end))?.[0].length ?? 0);
    if (start < end) {
      statements.push({ start, text: sql.slice(start, end) });
    }
    from = end;
  }
  return statements;
}
