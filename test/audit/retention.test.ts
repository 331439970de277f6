import { createHash } from "node:crypto";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createOrganization } from "../../src/access/world/people.ts";
import { readAnchors } from "../../src/audit/anchors.ts";
import { sha256 } from "../../src/audit/canonicalEvent.ts";
import { leafHash } from "../../src/audit/merkleTree.ts";
import { readOldMonths, retainEvents } from "../../src/audit/retainEvents.ts";
import {
  createSigningKey,
  readPublicKeys,
  readSigningKey,
  trustedKeys,
} from "../../src/audit/signingKeys.ts";
import { appendTombstone, type SignedTombstone } from "../../src/audit/tombstones.ts";
import type { AuditProblem } from "../../src/audit/verifyAudit.ts";
import { useTestDatabase } from "../support/database.ts";
import { useEvidence } from "./evidence.ts";

const db = useTestDatabase();
const evidence = useEvidence(db);
const exportFolder = mkdtempSync(join(tmpdir(), "bailiwick-exports-"));
/** When what is sealed now is old enough. */
const later = new Date();
later.setUTCFullYear(later.getUTCFullYear() + 7);
const SIX_YEARS = 6;

let acme = "";
let other = "";

afterAll(() => rmSync(exportFolder, { recursive: true, force: true }));

/** Events of these times, in one transaction. */
async function happened(organizationId: string | null, ...times: string[]): Promise<string[]> {
  const { rows } = await db.superuser.query<{ id: string }>(
    `insert into app_audit.events (occurred_at, organization_id, actor_role, command, table_name, row_id, changed_fields)
     select t, $1, 'app_worker', 'UPDATE', 'app_public.clinics', gen_random_uuid(), '{name}'
     from unnest($2::timestamptz[]) with ordinality as t (t, n)
     order by n
     returning id`,
    [organizationId, times],
  );
  return rows.map(({ id }) => id);
}

async function makeMonths(firstDay: string, count: number): Promise<void> {
  await db.inTransaction(async (client) => {
    await client.query("set local role app_owner");
    await client.query("select app_audit.create_partitions($1, $2)", [firstDay, count]);
    await client.query("commit");
  });
}

async function retain(): Promise<SignedTombstone[]> {
  const client = await evidence.pool.connect();
  try {
    return await retainEvents(client, {
      key: evidence.key(),
      keys: trustedKeys(readPublicKeys(evidence.keyFolder)),
      anchorFile: evidence.anchorFile,
      exportFolder,
      databaseName: db.name,
      now: later,
    });
  } finally {
    client.release();
  }
}

const verify = () => evidence.verify({ now: later });
const countOf = async (month: string) => {
  const { rows } = await db.superuser.query<{ count: number }>(
    "select count(*)::int from app_audit.events where to_char(occurred_at at time zone 'UTC', 'YYYY-MM') = $1",
    [month],
  );
  return rows[0]?.count;
};

beforeAll(async () => {
  acme = await createOrganization(db.superuser, "Acme");
  other = await createOrganization(db.superuser, "Other");
  await makeMonths("2010-01-01", 4);
});

describe("a month of events", () => {
  it("stays while the organization that keeps events for longest has to keep it", async () => {
    await happened(acme, "2010-01-05", "2010-01-06", "2010-02-07");
    await happened(other, "2010-01-08");
    await happened(null, "2010-01-09");
    await evidence.sealEverything();
    await db.superuser.query(
      "insert into app_audit.retention_policies (organization_id, jurisdiction, keep_years) values ($1, 'XX', 90)",
      [other],
    );
    const client = await evidence.pool.connect();
    const months = await readOldMonths(client).finally(() => client.release());
    const ends = months.map(({ keepUntil, until }) => keepUntil.getUTCFullYear() - until.getUTCFullYear());
    expect(ends).toEqual([90, SIX_YEARS, SIX_YEARS, SIX_YEARS]);
    const removed = await retain();
    expect(removed.map(({ coversFrom }) => new Date(Number(coversFrom) / 1000).toISOString())).toEqual([
      "2010-02-01T00:00:00.000Z",
      "2010-03-01T00:00:00.000Z",
      "2010-04-01T00:00:00.000Z",
    ]);
    expect([await countOf("2010-01"), await countOf("2010-02")]).toEqual([4, 0]);
    expect(await verify()).toMatchObject({ problem: null, tombstones: 3 });
  });

  it("stays under a legal hold, until it is released", async () => {
    await db.superuser.query("delete from app_audit.retention_policies");
    const { rows } = await db.superuser.query<{ id: string }>(
      "insert into app_audit.legal_holds (organization_id, reason) values ($1, 'Court order') returning id",
      [acme],
    );
    expect(await retain()).toEqual([]);
    await db.superuser.query("update app_audit.legal_holds set released_at = now() where id = $1", [
      rows[0]?.id,
    ]);
    expect(await retain()).toHaveLength(1);
    expect(await countOf("2010-01")).toBe(0);
    await evidence.sealEverything();
    expect(await verify()).toMatchObject({ problem: null, tombstones: 4, unsealed: { count: 0 } });
  });

  it("is in a file whose lines hash to the leaves of the seals", async () => {
    const { rows } = await db.superuser.query<{ name: string; hash: string }>(
      "select file_name as name, encode(file_hash, 'hex') as hash from app_audit.tombstones order by sequence desc limit 1",
    );
    const bytes = readFileSync(join(exportFolder, rows[0]?.name ?? ""));
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(rows[0]?.hash);
    const lines = gunzipSync(bytes).toString().trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    for (const line of lines) {
      const { checkpoint, organizationId, position, event } = JSON.parse(line);
      const { rows: seals } = await db.superuser.query<{ leaves: Buffer }>(
        `select leaf_hashes as leaves from app_audit.seals
         where checkpoint_sequence = $1 and organization_id is not distinct from $2`,
        [checkpoint, organizationId],
      );
      const leaf = seals[0]?.leaves.subarray(32 * position, 32 * (position + 1));
      expect(leafHash(sha256(event)).equals(leaf ?? Buffer.of())).toBe(true);
    }
    expect(readdirSync(exportFolder).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  it("does not go when an event of it is not as it was sealed, nor while one is not sealed", async () => {
    await makeMonths("2011-05-01", 1);
    const [id] = await happened(acme, "2011-05-05");
    await evidence.sealEverything();
    await evidence.tamper(`update app_audit.events set command = 'DELETE' where id = '${id}'`);
    await expect(retain()).rejects.toThrow(/not as it was sealed, and nothing is removed/);
    await evidence.tamper(`update app_audit.events set command = 'UPDATE' where id = '${id}'`);
    const open = await db.superuser.connect();
    await open.query("begin; select pg_current_xact_id()");
    await happened(acme, "2011-05-06");
    await expect(retain()).rejects.toThrow(/1 events of the month are not sealed yet/);
    await open.query("rollback");
    open.release();
    expect(await countOf("2011-05")).toBe(2);
    await evidence.sealEverything();
    expect(await retain()).toHaveLength(1);
  });
});

describe("the database by itself", () => {
  const removeMonth = async (month: string, sql = "") =>
    db.inTransaction(async (client) => {
      await client.query("set local role app_sealer");
      await client.query(sql);
      await client.query("select app_audit.remove_month($1)", [`${month}-01T00:00:00Z`]);
    });
  const tombstone = (from: string, until: string, count: number) =>
    `insert into app_audit.tombstones
     values (99, '${from}Z', '${until}Z', ${count}, '{}', '[]', 'x', sha256('x'), now(), sha256('x'), 'x', decode(repeat('00', 64), 'hex'))`;

  it("removes no month without a tombstone that counts its events, and no young one with it", async () => {
    await makeMonths("2012-06-01", 1);
    await happened(acme, "2012-06-05");
    const may = (count: number) => tombstone("2012-06-01T00:00:00", "2012-07-01T00:00:00", count);
    await expect(removeMonth("2012-06")).rejects.toMatchObject({ code: "DENYD" });
    await expect(removeMonth("2012-06", may(2))).rejects.toMatchObject({ code: "DENYD" });
    await removeMonth("2012-06", may(1));
    const month = new Date().toISOString().slice(0, 7);
    await expect(
      removeMonth(month, tombstone(`${month}-01T00:00:00`, "2100-01-01T00:00:00", 0)),
    ).rejects.toMatchObject({ code: "DENYD" });
  });

  it.each(["app_user", "app_worker", "app_definer"])("refuses %s", (role) =>
    db.inTransaction(async (client) => {
      await client.query(`set local role ${role}`);
      await expect(client.query("select app_audit.remove_month('2012-06-01Z')")).rejects.toMatchObject({
        code: "42501",
      });
    }),
  );
});

describe("verifying names it when somebody", () => {
  let months: string[] = [];

  beforeAll(async () => {
    await makeMonths("2013-01-01", 2);
    // One transaction on both sides of the end of the month: a part of its seal goes.
    await happened(acme, "2013-01-31T23:59:59Z", "2013-02-01T00:00:01Z", "2013-01-31T23:59:58Z");
    await db.superuser.query(
      "insert into app_audit.retention_policies (organization_id, jurisdiction, keep_years) values ($1, 'XX', 90)",
      [other],
    );
    months = await happened(other, "2013-02-02");
    await evidence.sealEverything();
    const partialSeals = [[expect.any(String), acme, expect.stringMatching(/^\{\[\d+,\d+\)/)]];
    expect((await retain()).at(-1)).toMatchObject({ eventCount: "2", partialSeals });
    expect(await verify()).toMatchObject({ problem: null });
    await db.superuser.query(`create schema aside;
      create table aside.events as select * from app_audit.events;
      create table aside.tombstones as select * from app_audit.tombstones`);
  });

  beforeEach(() =>
    evidence.tamper(
      "delete from app_audit.events",
      "delete from app_audit.tombstones",
      "insert into app_audit.events select * from aside.events",
      "insert into app_audit.tombstones select * from aside.tombstones",
    ),
  );

  async function problemAfter(...statements: string[]): Promise<AuditProblem | null> {
    await evidence.tamper(...statements);
    return (await verify()).problem;
  }

  it("removes another event of a seal that lost some", async () => {
    const problem = await problemAfter(
      "delete from app_audit.events where organization_id = '" +
        acme +
        "' and occurred_at = '2013-02-01T00:00:01Z'",
    );
    expect(problem).toMatchObject({ organizationId: acme, message: /missing/ });
  });

  it("changes an event that is left", async () => {
    const problem = await problemAfter(
      `update app_audit.events set command = 'INSERT' where id = '${months[0]}'`,
    );
    expect(problem).toMatchObject({ eventId: months[0], message: /changed after the seal/ });
  });

  it("puts an event back that is not the one that was removed", async () => {
    const problem = await problemAfter(
      `insert into app_audit.events
       select (jsonb_populate_record(e, jsonb_build_object('id', app_hidden.uuid_v7()))).*
       from app_audit.events e where occurred_at = '2013-02-01T00:00:01Z'`,
    );
    expect(problem).toMatchObject({ organizationId: acme, eventId: expect.any(String) });
  });

  it.each([
    [
      "removes the newest tombstone",
      "delete from app_audit.tombstones where covers_from = '2013-01-01Z'",
      /missing/,
    ],
    [
      "removes one in the middle",
      "delete from app_audit.tombstones where sequence = 2",
      /Tombstone 2 is missing/,
    ],
    [
      "points to another file",
      "update app_audit.tombstones set file_hash = sha256('x') where sequence = 3",
      /signature/,
    ],
    [
      "lets a tombstone speak of more events",
      "update app_audit.tombstones set whole_checkpoints = '{[1,1000)}' where sequence = 1",
      /signature/,
    ],
  ])("%s", async (_, statement, message) => {
    expect((await problemAfter(statement))?.message).toMatch(message);
  });

  it("changes or loses the file of the removed events", async () => {
    const { rows } = await db.superuser.query<{ name: string }>(
      "select file_name as name from app_audit.tombstones order by sequence limit 2",
    );
    const [first, second] = rows.map(({ name }) => join(exportFolder, name));
    const verifyFiles = () => evidence.verify({ now: later, exportFolder });
    expect(await verifyFiles()).toMatchObject({ problem: null });
    appendFileSync(second ?? "", "x");
    expect((await verifyFiles()).problem).toMatchObject({ tombstone: "2", message: /was changed/ });
    rmSync(first ?? "");
    expect((await verifyFiles()).problem).toMatchObject({ tombstone: "1", message: /is missing/ });
  });

  it("signs a tombstone with a key that nobody vouches for", async () => {
    const foreign = `${evidence.keyFolder}-foreign`;
    createSigningKey(foreign);
    const key = readSigningKey(foreign);
    await db.inTransaction(async (client) => {
      await appendTombstone(
        client,
        { ...FORGED, eventCount: "0", wholeCheckpoints: "{}" },
        key ?? evidence.key(),
      );
      await client.query("commit");
    });
    expect((await verify()).problem?.message).toMatch(/nobody who is trusted vouches for/);
  });

  it("removes young events, even with the right key and all of the superuser's rights", async () => {
    await db.inTransaction(async (client) => {
      const { rows } = await client.query<{ sequence: string; count: string }>(
        "select sequence::text, event_count::text as count from app_audit.checkpoints order by sequence desc limit 1",
      );
      const { sequence = "0", count = "0" } = rows[0] ?? {};
      await appendTombstone(
        client,
        { ...FORGED, eventCount: count, wholeCheckpoints: `{[${sequence},${BigInt(sequence) + 1n})}` },
        evidence.key(),
      );
      await client.query("commit");
    });
    const { problem } = await evidence.verify({ anchors: readAnchors(evidence.anchorFile) });
    expect(problem?.message).toMatch(/are not 6 years old/);
  });
});

const FORGED = {
  coversFrom: "0",
  coversUntil: "1000000",
  partialSeals: [],
  fileName: "x",
  fileHash: "00".repeat(32),
  removedAt: "0",
};
