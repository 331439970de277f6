import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Pool } from "pg";
import { pino } from "pino";

import { pgSettings } from "../../src/auth/pgSettings.ts";
import { ConnectionGate } from "../../src/database/ConnectionGate.ts";
import { makePool } from "../../src/database/makePool.ts";
import { makeRequestConnections } from "../../src/database/requestConnections.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
const NOWHERE = { organizationId: null, clinicId: null, purposeOfUse: null };
const SETTINGS = pgSettings(null, NOWHERE, "a-request");
const FAIL = { text: "select app_public.always_again()" };
let pool: Pool;
const retried: string[] = [];

const connections = () => {
  const gate = new ConnectionGate({ places: 2, patience: 1000, maximumWaiting: 10 });
  const events = { onRetry: (state: string) => void retried.push(state), onCancel() {}, onLease() {} };
  return makeRequestConnections({ pool, gate, events }).createWithPgClient();
};

beforeAll(async () => {
  pool = makePool(db.urls.gateway, { max: 2, applicationName: "test" }, pino({ level: "silent" }));
  await db.superuser.query(`
    create function app_public.always_again() returns int as $$
      begin raise exception 'again' using errcode = '40001'; end;
    $$ language plpgsql set search_path to '';
    grant usage on schema app_public to app_anonymous;
    grant execute on function app_public.always_again() to app_anonymous;
  `);
});
db.beforeDrop(async () => pool.end());
afterAll(() => void retried.splice(0));

describe("a transaction of a request", () => {
  it("carries the request's id where the database's administrator sees it, and takes it away again", async () => {
    const read = { text: "select current_setting('application_name') as name" };
    const { rows } = await connections()(SETTINGS, (client) => client.query<{ name: string }>(read));
    expect(rows[0]?.name).toBe("bailiwick a-request");
    expect((await pool.query(read.text)).rows[0].name).toBe("test");
  });

  it("is run again when its one statement failed for the moment, four times at most", async () => {
    let runs = 0;
    const run = connections()(SETTINGS, (client) => {
      runs++;
      return client.query(FAIL);
    });
    await expect(run).rejects.toMatchObject({ code: "40001" });
    expect([runs, retried.splice(0)]).toEqual([4, ["40001", "40001", "40001"]]);
  });

  it.each([
    [
      "several statements, between which something was decided",
      async (client: Parameters<Parameters<ReturnType<typeof connections>>[1]>[0]) => {
        await client.query({ text: "select 1" });
        return client.query(FAIL);
      },
    ],
    [
      "a transaction of its own",
      (client: Parameters<Parameters<ReturnType<typeof connections>>[1]>[0]) =>
        client.withTransaction((inner) => inner.query(FAIL)),
    ],
  ])("is not run again with %s", async (_title, work) => {
    let runs = 0;
    const run = connections()(SETTINGS, (client) => {
      runs++;
      return work(client);
    });
    await expect(run).rejects.toMatchObject({ code: "40001" });
    expect([runs, retried]).toEqual([1, []]);
  });

  it("is not run again after any other failure", async () => {
    let runs = 0;
    const run = connections()(SETTINGS, (client) => {
      runs++;
      return client.query({ text: "select 1 / 0" });
    });
    await expect(run).rejects.toMatchObject({ code: "22012" });
    expect(runs).toBe(1);
  });

  it("gives its connection back after a failure", async () => {
    const withPgClient = connections();
    for (let round = 0; round < 5; round++) {
      await expect(withPgClient(SETTINGS, (client) => client.query({ text: "nonsense" }))).rejects.toThrow();
    }
    expect([pool.waitingCount, pool.idleCount]).toEqual([0, pool.totalCount]);
  });
});
