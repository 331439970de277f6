import { beforeAll, expect, it, jest } from "@jest/globals";
import type { ClientBase } from "pg";
import Cursor from "pg-cursor";

import { createOrganization } from "../../src/access/world/people.ts";
import { sealEvents } from "../../src/audit/sealEvents.ts";
import { collectGarbage } from "../support/collectGarbage.ts";
import { useTestDatabase } from "../support/database.ts";
import { useEvidence } from "./evidence.ts";

jest.setTimeout(60_000);

const db = useTestDatabase();
const evidence = useEvidence(db);
const EVENTS = 10_000;
/** Bytes of each event's values. */
const SIZE = 4000;

beforeAll(async () => {
  const organizations = [
    await createOrganization(db.superuser, "A"),
    await createOrganization(db.superuser, "B"),
    null,
  ];
  await evidence.sealEverything();
  // One statement is one transaction.
  await db.superuser.query(
    `insert into app_audit.events (organization_id, actor_role, command, table_name, row_id, changed_fields, changes)
     select ($1::uuid[])[1 + n % 3], 'test', 'INSERT', 'a.b', app_hidden.uuid_v7(), '{a}',
       jsonb_build_object('a', repeat(md5(n::text), $2 / 32))
     from generate_series(1, $3) n`,
    [organizations, SIZE, EVENTS],
  );
});

/** Bytes that something holds in this process. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The same connection; `sample` is called whenever something is asked of it. */
function watched(client: ClientBase, sample: () => void): ClientBase {
  const watchedCursor = (cursor: Cursor) => {
    const read = cursor.read.bind(cursor) as (count: number) => Promise<unknown[]>;
    const readAndSample = async (count: number) => {
      const page = await read(count);
      sample();
      return page;
    };
    return Object.assign(cursor, { read: readAndSample });
  };
  return new Proxy(client, {
    get(target, name) {
      if (name !== "query") {
        return Reflect.get(target, name, target) as unknown;
      }
      return (given: unknown, ...values: unknown[]) => {
        sample();
        const query = target.query.bind(target) as (...all: unknown[]) => unknown;
        return query(given instanceof Cursor ? watchedCursor(given) : given, ...values);
      };
    },
  });
}

it("a transaction is sealed whole, and never held in memory, however much it wrote", async () => {
  const client = await evidence.pool.connect();
  let peak = 0;
  let samples = 0;
  const before = heldBytes();
  try {
    const checkpoint = await sealEvents(
      watched(client, () => {
        samples++;
        peak = Math.max(peak, heldBytes() - before);
      }),
      evidence.key(),
    );
    expect(checkpoint).toMatchObject({ eventCount: String(EVENTS) });
  } finally {
    client.release();
  }
  expect(samples).toBeGreaterThan(5);
  expect(peak).toBeLessThan((EVENTS * SIZE) / 2);
  await evidence.seal();
  expect(await evidence.verify()).toMatchObject({ problem: null, unsealed: { count: 0 } });
});
