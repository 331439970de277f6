import { expect } from "@jest/globals";
import type { ClientBase } from "pg";

import { applySettings } from "../../../src/access/world/rolledBack.ts";
import type { TestDatabase } from "../../support/database.ts";

export const ROW_SECURITY: unknown = expect.stringContaining("violates row-level security policy");

export type Statement = readonly [sql: string, ...values: unknown[]];

/**
 * How statements end where nothing but the policies of a table stands in their way: with every column granted, and triggers
 * that do nothing.
 *
 * @param settings of who acts, with the role.
 * @param before what a superuser does first, in the same transaction.
 * @returns of each statement the number of its rows, or its message; each finds the table as it was.
 */
export function outcomes(
  db: TestDatabase,
  {
    settings,
    table,
    before = [],
  }: { settings: Readonly<Record<string, string>>; table: string; before?: Statement[] },
  statements: readonly Statement[],
): Promise<(number | string)[]> {
  return db.inTransaction(async (client) => {
    const schema = table.split(".", 1)[0];
    await client.query(`alter table ${table} disable trigger user`);
    for (const [sql, ...values] of before) {
      await client.query(sql, values);
    }
    await client.query(`grant usage on schema ${schema} to ${settings.role}`);
    await client.query(`grant select, insert, update on ${table} to ${settings.role}`);
    await applySettings(client, settings);
    const ends: (number | string)[] = [];
    for (const [sql, ...values] of statements) {
      ends.push(await outcome(client, sql, values));
    }
    return ends;
  });
}

async function outcome(client: ClientBase, sql: string, values: unknown[]): Promise<number | string> {
  await client.query("savepoint attempt");
  try {
    return (await client.query(sql, values)).rowCount ?? 0;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.query("rollback to savepoint attempt");
  }
}
