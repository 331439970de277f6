import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createOrganization } from "../../src/access/world/people.ts";
import { readAnchors } from "../../src/audit/anchors.ts";
import { createSigningKey, readSigningKey } from "../../src/audit/signingKeys.ts";
import { appendTombstone } from "../../src/audit/tombstones.ts";
import type { AuditProblem } from "../../src/audit/verifyAudit.ts";
import { useTestDatabase } from "../support/database.ts";
import { useEvidence } from "./evidence.ts";
import { useRetention } from "./useRetention.ts";

const db = useTestDatabase();
const evidence = useEvidence(db);
const { exportFolder, happened, makeMonths, retain, verify } = useRetention(db, evidence);
let acme = "";
let other = "";

const FORGED = {
  coversFrom: "0",
  coversUntil: "1000000",
  partialSeals: [],
  fileName: "x",
  fileHash: "00".repeat(32),
  removedAt: "0",
};

describe("verifying names it when somebody", () => {
  let months: string[] = [];

  beforeAll(async () => {
    acme = await createOrganization(db.superuser, "Acme");
    other = await createOrganization(db.superuser, "Other");
    await makeMonths("2012-11-01", 4);
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
    const verifyFiles = () => verify({ exportFolder });
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
