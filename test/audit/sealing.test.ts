import { readFileSync, writeFileSync } from "node:fs";

import { beforeAll, describe, expect, it } from "@jest/globals";
import type pg from "pg";

import {
  type Clinic,
  createClinic,
  createOrganization,
  createPatient,
} from "../../src/access/world/people.ts";
import { lastAnchor } from "../../src/audit/anchors.ts";
import { appendMissingAnchors } from "../../src/audit/appendMissingAnchors.ts";
import { beginTimeline } from "../../src/audit/beginTimeline.ts";
import { lastCheckpoint, SEALER_LOCK, sealEvents } from "../../src/audit/sealEvents.ts";
import { createSigningKey, readPublicKeys, trustedKeys } from "../../src/audit/signingKeys.ts";
import { withClient } from "../../src/database/withClient.ts";
import { useTestDatabase } from "../support/database.ts";
import { useEvidence } from "./evidence.ts";

const db = useTestDatabase();
const evidence = useEvidence(db);
let clinic: Clinic;

beforeAll(async () => {
  clinic = await createClinic(db.superuser, await createOrganization(db.superuser, "Acme"));
  await evidence.sealEverything();
});

const asSealer = <T>(work: (client: pg.ClientBase) => Promise<T>) => withClient(db.urls.sealer, work);

describe("a seal", () => {
  it("leaves out what a running transaction has written, and what comes after it, until it has ended", async () => {
    const { client, release } = await begin();
    await createPatient(client as unknown as pg.Pool, clinic);
    await createPatient(db.superuser, clinic);
    await evidence.seal();
    expect((await evidence.verify()).unsealed.count).toBeGreaterThan(0);
    await client.query("commit");
    release();
    await evidence.sealEverything();
    expect(await evidence.verify()).toMatchObject({ problem: null, unsealed: { count: 0 } });
  });

  it("is not made when nothing happened", async () => {
    await evidence.sealEverything();
    expect(await evidence.seal()).toBe(0);
  });

  it("is made by one at a time, however many want to", async () => {
    await createPatient(db.superuser, clinic);
    const seals = Array.from({ length: 4 }, () => asSealer((client) => sealEvents(client, evidence.key())));
    const made = (await Promise.all(seals)).flatMap((checkpoint) => checkpoint ?? []);
    expect(made.length).toBeLessThanOrEqual(1);
    await evidence.sealEverything();
    expect((await evidence.verify()).problem).toBeNull();
  });

  it("is not made while somebody else holds the sealer's lock", async () => {
    await asSealer(async (client) => {
      await client.query(`select pg_advisory_lock(${SEALER_LOCK})`);
      await createPatient(db.superuser, clinic);
      expect(await evidence.seal()).toBe(0);
    });
    await evidence.sealEverything();
  });

  it("cannot be changed, removed or forged by the role that makes it", async () => {
    await asSealer(async (client) => {
      for (const sql of [
        "update app_audit.seals set event_count = 1",
        "delete from app_audit.checkpoints",
        "truncate app_audit.seals",
        "update app_audit.events set command = 'DELETE'",
        "select from app_public.patients",
      ]) {
        await expect(client.query(sql)).rejects.toMatchObject({ code: "42501" });
      }
    });
  });

  it.each(["gateway", "worker", "data", "owner", "backup"] as const)("cannot be made by %s", (login) =>
    withClient(db.urls[login], (client) =>
      expect(
        client.query(
          `insert into app_audit.seals (checkpoint_sequence, event_count, first_event_id, last_event_id, merkle_root,
             leaf_hashes)
           values (1, 1, app_hidden.uuid_v7(), app_hidden.uuid_v7(), sha256('x'), sha256('x'))`,
        ),
      ).rejects.toMatchObject({ code: "42501" }),
    ),
  );
});

describe("an event's hash", () => {
  it("is made by the database, whatever the statement says", async () => {
    await db.inTransaction(async (client) => {
      await client.query("set local role app_definer");
      await client.query(
        `insert into app_audit.events (actor_role, command, table_name, row_id, changed_fields, row_hash)
         values ('test', 'INSERT', 'a.b', app_hidden.uuid_v7(), '{"q\\"uote",ünïcode}', sha256('forged'))`,
      );
      await client.query("reset role");
      const { rows } = await client.query<{ forged: boolean }>(
        "select row_hash = sha256('forged') as forged from app_audit.events where table_name = 'a.b'",
      );
      expect(rows).toEqual([{ forged: false }]);
    });
  });

  it("is the same outside of the database for any text", async () => {
    await db.superuser.query(
      `insert into app_audit.events (actor_role, command, table_name, row_id, changed_fields, purpose_of_use, request_id)
       values ('test', 'INSERT', 'a.b', app_hidden.uuid_v7(), '{"q\\"uote",ünïcode,"a,b"}', E'line\\nbreak\\ttab\\x01', '  ')`,
    );
    await evidence.sealEverything();
    expect((await evidence.verify()).problem).toBeNull();
  });
});

describe("anchors", () => {
  it("are made up for when the process was killed before it wrote one", async () => {
    const before = readFileSync(evidence.anchorFile, "utf8");
    await createPatient(db.superuser, clinic);
    await evidence.sealEverything();
    writeFileSync(evidence.anchorFile, `${before}{"sequence":"9`);
    await asSealer((client) => appendMissingAnchors(client, evidence.anchorFile));
    const last = await asSealer(lastCheckpoint);
    expect(lastAnchor(evidence.anchorFile)?.sequence).toBe(last?.sequence);
    expect((await evidence.verify()).problem).toBeNull();
  });

  it("stop the sealer from going on over a database that was rolled back", async () => {
    const anchors = readFileSync(evidence.anchorFile, "utf8");
    const last = lastAnchor(evidence.anchorFile);
    writeFileSync(
      evidence.anchorFile,
      `${anchors}${JSON.stringify({ ...last, sequence: "999", hash: "0".repeat(64) })}\n`,
    );
    await expect(evidence.seal()).rejects.toThrow(/knows checkpoint 999, and the database does not/);
    writeFileSync(evidence.anchorFile, anchors);
    await expect(evidence.seal()).resolves.toEqual(expect.any(Number));
  });
});

describe("a new key", () => {
  it("seals on, is vouched for, and what the old one sealed still verifies", async () => {
    const old = evidence.key().keyId;
    expect(createSigningKey(evidence.keyFolder).introducedBy?.keyId).toBe(old);
    await createPatient(db.superuser, clinic);
    await evidence.sealEverything();
    expect((await asSealer(lastCheckpoint))?.keyId).not.toBe(old);
    expect((await evidence.verify()).problem).toBeNull();
  });

  it("is not believed when nobody vouches for it, or when the first key is another than expected", () => {
    const keys = readPublicKeys(evidence.keyFolder);
    const [first, second] = keys;
    expect(() => trustedKeys(keys, "0000000000000000")).toThrow(/vouches/);
    expect(() => trustedKeys(first && second ? [first, { ...second, introducedBy: null }] : [])).toThrow(
      /vouches/,
    );
    expect(() =>
      trustedKeys(first && second ? [first, { ...second, publicKey: first.publicKey }] : []),
    ).toThrow(/not the one its id is of/);
  });
});

describe("a timeline", () => {
  it("ends when the database is restored into another cluster, and the chain goes on", async () => {
    await evidence.tamper("update app_audit.checkpoints set system_identifier = 1");
    await createPatient(db.superuser, clinic);
    await expect(evidence.seal()).rejects.toThrow(/another database cluster/);
    const { rows } = await db.superuser.query<{ own: string }>(
      "select system_identifier::text as own from pg_control_system()",
    );
    await evidence.tamper(`update app_audit.checkpoints set system_identifier = ${rows[0]?.own}`);

    await createPatient(db.superuser, clinic);
    expect(await withClient(db.urls.owner, beginTimeline)).toBe(2);
    await createPatient(db.superuser, clinic);
    await evidence.sealEverything();
    expect((await evidence.verify()).problem).toBeNull();
    expect((await asSealer(lastCheckpoint))?.timeline).toBe(2);
  });
});

async function begin(): Promise<{ client: pg.PoolClient; release: () => void }> {
  const client = await db.superuser.connect();
  await client.query("begin");
  return { client, release: () => client.release() };
}
