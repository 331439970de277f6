import { readFileSync, writeFileSync } from "node:fs";
import { Readable } from "node:stream";

import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createClinic, createOrganization, createPatient } from "../../src/access/world/people.ts";
import { type Anchor, anchorOf, readAnchors } from "../../src/audit/anchors.ts";
import { lastCheckpoint, sealEvents } from "../../src/audit/sealEvents.ts";
import { createSigningKey, readSigningKey } from "../../src/audit/signingKeys.ts";
import type { AuditProblem } from "../../src/audit/verifyAudit.ts";
import { useTestDatabase } from "../support/database.ts";
import { useEvidence } from "./evidence.ts";

const db = useTestDatabase();
const evidence = useEvidence(db);
/** The events of one organization in their order: three checkpoints with four each. */
let events: string[] = [];
let organizationId = "";
let anchors = "";

beforeAll(async () => {
  const clinic = await createClinic(db.superuser, await createOrganization(db.superuser, "Acme"));
  ({ organizationId } = clinic);
  await evidence.sealEverything();
  for (let checkpoint = 0; checkpoint < 3; checkpoint++) {
    for (let patient = 0; patient < 4; patient++) {
      await createPatient(db.superuser, clinic);
    }
    await evidence.sealEverything();
  }
  const { rows } = await db.superuser.query<{ id: string }>(
    `select id from app_audit.events
     where organization_id = $1 and table_name = 'app_public.patients' order by transaction_id, id`,
    [organizationId],
  );
  events = rows.map(({ id }) => id);
  anchors = readFileSync(evidence.anchorFile, "utf8");
  // What every test begins with, kept aside where no query of the audit looks.
  await db.superuser.query(`create schema aside;
    create table aside.events as select * from app_audit.events;
    create table aside.seals as select * from app_audit.seals;
    create table aside.checkpoints as select * from app_audit.checkpoints`);
});

beforeEach(async () => {
  writeFileSync(evidence.anchorFile, anchors);
  await evidence.tamper(
    "delete from app_audit.seals",
    "delete from app_audit.checkpoints",
    "delete from app_audit.events",
    "insert into app_audit.events select * from aside.events",
    "insert into app_audit.checkpoints select * from aside.checkpoints",
    "insert into app_audit.seals select * from aside.seals",
  );
});

async function problemAfter(...statements: string[]): Promise<AuditProblem | null> {
  await evidence.tamper(...statements);
  return (await evidence.verify()).problem;
}

it("finds nothing where nothing was done", async () => {
  expect(await evidence.verify()).toMatchObject({ problem: null, checkpoints: 4, unsealed: { count: 0 } });
  expect(events).toHaveLength(12);
});

describe("names the event when somebody", () => {
  it("changes one letter of what it says", async () => {
    const problem = await problemAfter(
      `update app_audit.events set command = 'DELETE' where id = '${events[5]}'`,
    );
    expect(problem).toMatchObject({ organizationId, eventId: events[5], message: /changed after the seal/ });
  });

  it("changes it together with its hash", async () => {
    const problem = await problemAfter(
      `update app_audit.events set actor_id = app_hidden.uuid_v7(), row_hash = sha256('x') where id = '${events[6]}'`,
    );
    expect(problem).toMatchObject({ eventId: events[6], message: /changed after the seal/ });
  });

  it("changes only its hash", async () => {
    const problem = await problemAfter(
      `update app_audit.events set row_hash = sha256('x') where id = '${events[6]}'`,
    );
    expect(problem).toMatchObject({ eventId: events[6], message: /carries another hash/ });
  });

  it("swaps two events", async () => {
    const [first, second] = [events[4], events[5]];
    const problem = await problemAfter(
      `update app_audit.events e set transaction_id = o.transaction_id
       from aside.events o
       where (e.id, o.id) in (('${first}', '${second}'), ('${second}', '${first}'))`,
    );
    expect(problem).toMatchObject({ organizationId, eventId: expect.stringMatching(`${first}|${second}`) });
  });

  it("deletes one in the middle", async () => {
    const problem = await problemAfter(`delete from app_audit.events where id = '${events[5]}'`);
    expect(problem).toMatchObject({ eventId: events[6], message: /before the event .* missing/i });
  });

  it("deletes the last of a seal", async () => {
    const problem = await problemAfter(`delete from app_audit.events where id = '${events[7]}'`);
    expect(problem).toMatchObject({ eventId: events[6], message: /1 events are missing/ });
  });

  it("deletes all events of a seal", async () => {
    const problem = await problemAfter(
      `delete from app_audit.events where id in ('${events.slice(4, 8).join("', '")}')`,
    );
    expect(problem).toMatchObject({ eventId: events[4], message: /All 4 events of a seal are missing/ });
  });

  it("adds one that is back-dated into a sealed transaction", async () => {
    const problem = await problemAfter(
      `insert into app_audit.events select (jsonb_populate_record(e, jsonb_build_object('id', app_hidden.uuid_v7()))).*
       from app_audit.events e where id = '${events[5]}'`,
    );
    expect(problem).toMatchObject({ organizationId, eventId: expect.any(String) });
    expect(events).not.toContain(problem?.eventId);
  });

  it("adds one for an organization that had none at the time", async () => {
    const stranger = "00000000-0000-7000-8000-00000000000a";
    const problem = await problemAfter(
      `insert into app_audit.events
       select (jsonb_populate_record(e, jsonb_build_object('id', app_hidden.uuid_v7(), 'organization_id', '${stranger}'))).*
       from app_audit.events e where id = '${events[5]}'`,
    );
    expect(problem).toMatchObject({ organizationId: stranger, message: /added after the seal/ });
  });

  it("moves one to another organization", async () => {
    const problem = await problemAfter(
      `update app_audit.events set organization_id = null where id = '${events[5]}'`,
    );
    expect(problem?.checkpoint).toBe("3");
  });
});

describe("notices when somebody", () => {
  it("drops a partition", async () => {
    const problem = await problemAfter(
      `do $$ begin
         execute format('truncate %s', (select tableoid::regclass from app_audit.events where id = '${events[0]}'));
       end $$`,
    );
    expect(problem).toMatchObject({ checkpoint: "1" });
    expect(problem?.message).toMatch(/missing/);
  });

  it("deletes the newest checkpoint with all it covers", async () => {
    const problem = await problemAfter(
      "delete from app_audit.seals where checkpoint_sequence = 4",
      "delete from app_audit.checkpoints where sequence = 4",
      `delete from app_audit.events where id in ('${events.slice(8).join("', '")}')`,
    );
    expect(problem?.message).toMatch(/rolled back to checkpoint 3: an anchor knows checkpoint 4/);
  });

  it("deletes a checkpoint in the middle", async () => {
    const problem = await problemAfter(
      "delete from app_audit.seals where checkpoint_sequence = 2",
      "delete from app_audit.checkpoints where sequence = 2",
    );
    expect(problem?.message).toMatch(/Checkpoint 2 is missing/);
  });

  it("forges a seal's root and leaves", async () => {
    const problem = await problemAfter(
      `update app_audit.seals set leaf_hashes = sha256('x'), event_count = 1,
         merkle_root = sha256('x')
       where checkpoint_sequence = 3 and organization_id = '${organizationId}'`,
    );
    expect(problem).toMatchObject({ checkpoint: "3" });
    expect(problem?.message).toMatch(/not those that were signed/);
  });

  it("removes one organization's seal", async () => {
    const problem = await problemAfter(
      `delete from app_audit.seals where checkpoint_sequence = 3 and organization_id = '${organizationId}'`,
    );
    expect(problem?.checkpoint).toBe("3");
  });

  it("changes when a checkpoint was made", async () => {
    const problem = await problemAfter(
      "update app_audit.checkpoints set sealed_at = sealed_at - interval '1 day' where sequence = 2",
    );
    expect(problem).toMatchObject({ checkpoint: "2" });
    expect(problem?.message).toMatch(/signature/);
  });
});

describe("of a chain that is made anew", () => {
  const remake = async (keyFolder: string) => {
    const key = readSigningKey(keyFolder);
    if (!key) {
      throw new Error("There is no key.");
    }
    await evidence.tamper(
      "delete from app_audit.seals",
      "delete from app_audit.checkpoints",
      `delete from app_audit.events where id = '${events[5]}'`,
    );
    const client = await evidence.pool.connect();
    try {
      await sealEvents(client, key);
    } finally {
      client.release();
    }
  };

  it("notices a key that nobody vouches for", async () => {
    const foreign = `${evidence.keyFolder}-foreign`;
    createSigningKey(foreign);
    await remake(foreign);
    expect((await evidence.verify()).problem?.message).toMatch(/nobody who is trusted vouches for/);
  });

  it("notices, by an anchor, even the right key", async () => {
    await remake(evidence.keyFolder);
    const { problem } = await evidence.verify();
    expect(problem?.message).toMatch(/An anchor knows another checkpoint of this number/);
    // That somebody took the anchors away, too, shows until a sealer has written the file anew.
    expect(await evidence.verify({ anchors: [] })).toMatchObject({
      anchors: { count: 0, newest: null },
      problem: { checkpoint: null, message: expect.stringMatching(/^There is no anchor/) },
    });
  });
});

it("notices an anchor that is put in the place of a newer one", async () => {
  const [old] = (await Readable.from(readAnchors(evidence.anchorFile)).toArray()) as Anchor[];
  const client = await evidence.pool.connect();
  const newest = await lastCheckpoint(client).finally(() => client.release());
  const replayed = { ...(old as Anchor), sequence: newest?.sequence ?? "" };
  expect((await evidence.verify({ anchors: [replayed] })).problem?.message).toMatch(/another checkpoint/);
  expect((await evidence.verify({ anchors: newest ? [anchorOf(newest)] : [] })).problem).toBeNull();
});

it("verifies one organization by itself, and leaves the others' events aside", async () => {
  const other = await createOrganization(db.superuser, "Other");
  await evidence.sealEverything();
  await evidence.tamper(`update app_audit.events set command = 'DELETE' where organization_id = '${other}'`);
  expect((await evidence.verify({ organizationId })).problem).toBeNull();
  expect((await evidence.verify({ organizationId: other })).problem).toMatchObject({ organizationId: other });
});
