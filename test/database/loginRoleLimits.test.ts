import { describe, expect, it } from "@jest/globals";
import { Client } from "pg";

import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();

async function limitsOf(url: string): Promise<string[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
         current_setting('idle_in_transaction_session_timeout') as idle`,
    );
    return Object.values(rows[0]);
  } finally {
    await client.end();
  }
}

describe("a login role", () => {
  it("cannot hold a statement, a lock or a transaction for ever: the gateway", async () => {
    expect(await limitsOf(db.urls.gateway)).toEqual(["5min", "5s", "5min"]);
  });

  it("can take longer for its jobs: the worker", async () => {
    expect(await limitsOf(db.urls.worker)).toEqual(["15min", "30s", "5min"]);
  });
});
