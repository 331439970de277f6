import type { ClientBase, QueryResultRow } from "pg";

import { type Actor, applySettings, requestSettings } from "../../src/access/world/rolledBack.ts";
import type { TestDatabase } from "./database.ts";

/** One transaction in which requests take turns with the superuser, who arranges rows and looks behind row security. */
export interface Turns {
  /** The superuser's, for the factories. */
  client: ClientBase;
  /** As superuser. */
  rows<Row extends QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** One statement as the gateway would run it for a person, or without a token; the transaction outlives a refusal. */
  as<Row extends QueryResultRow>(actor: Actor | null, sql: string, values?: unknown[]): Promise<Row[]>;
  /** The same for one of the roles that no person has. */
  asRole<Row extends QueryResultRow>(role: string, sql: string, values?: unknown[]): Promise<Row[]>;
}

export const takeTurns = (db: TestDatabase, work: (turns: Turns) => Promise<void>): Promise<void> =>
  db.inTransaction((client) => {
    const rows = async <Row extends QueryResultRow>(sql: string, values?: unknown[]) =>
      (await client.query<Row>(sql, values)).rows;
    const turn = async <Row extends QueryResultRow>(
      settings: Readonly<Record<string, string>>,
      sql: string,
      values?: unknown[],
    ) => {
      await client.query("savepoint turn");
      try {
        await applySettings(client, settings);
        return await rows<Row>(sql, values);
      } catch (error) {
        await client.query("rollback to savepoint turn");
        throw error;
      } finally {
        await client.query("reset role");
      }
    };
    return work({
      client,
      rows,
      as: (actor, sql, values) => turn(requestSettings(actor), sql, values),
      asRole: (role, sql, values) => turn({ role }, sql, values),
    });
  });
