import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import { applySettings } from "../../../src/access/world/rolledBack.ts";
import { useTestDatabase } from "../../support/database.ts";

/** The tables that only the servers' roles and definer functions reach, and what exactly they may write there. */
const db = useTestDatabase();
let world: FullWorld;

beforeAll(async () => {
  world = await createFullWorld(db);
  await db.superuser.query(
    "insert into app_private.user_identities (issuer, subject, user_id) values ('https://x.test', 'x', $1)",
    [world.here.provider.userId],
  );
  for (const organizationId of [world.own, world.foreign]) {
    await db.superuser.query("insert into app_audit.legal_holds (organization_id, reason) values ($1, 'x')", [
      organizationId,
    ]);
    await db.superuser.query(
      "insert into app_audit.retention_policies (organization_id, jurisdiction) values ($1, 'x')",
      [organizationId],
    );
  }
});

/** How a statement ends: a number of rows, or an SQLSTATE. */
async function outcome(client: ClientBase, sql: string, values: unknown[] = []): Promise<number | string> {
  await client.query("savepoint attempt");
  try {
    return (await client.query(sql, values)).rowCount ?? 0;
  } catch (error) {
    await client.query("rollback to savepoint attempt");
    return (error as { code: string }).code;
  }
}

const asRole = <T>(role: string, work: (client: ClientBase) => Promise<T>) =>
  db.inTransaction(async (client) => {
    await applySettings(client, { role });
    return work(client);
  });
const asDefiner = <T>(work: (client: ClientBase) => Promise<T>) => asRole("app_definer", work);
const asSealer = <T>(work: (client: ClientBase) => Promise<T>) => asRole("app_sealer", work);

describe("app_sealer", () => {
  const CHECKPOINT = `insert into app_audit.checkpoints
      (sequence, timeline, first_transaction, horizon, system_identifier, event_count, root, previous_hash, key_id, signature)
    values ($1, 1, '0', '5', 0, $2, sha256('root'), null, 'key', decode(repeat('00', 64), 'hex'))`;
  const SEAL = `insert into app_audit.seals
      (checkpoint_sequence, organization_id, event_count, first_event_id, last_event_id, merkle_root, leaf_hashes)
    values (1, $1, $2::bigint, gen_random_uuid(), gen_random_uuid(), sha256('root'), decode(repeat('00', 32 * $2::bigint::int), 'hex'))`;

  it("can write checkpoints from the first on, and cannot write one before it", () =>
    asSealer(async (client) => {
      expect(await outcome(client, CHECKPOINT, [1, 5])).toBe(1);
      expect(await outcome(client, "select from app_audit.checkpoints")).toBe(1);
      expect(await outcome(client, CHECKPOINT, [0, 5])).toBe("42501");
      expect(await outcome(client, CHECKPOINT, [-1, 5])).toBe("42501");
    }));

  it("can write seals of events, and cannot write one of none", () =>
    asSealer(async (client) => {
      await client.query(CHECKPOINT, [1, 5]);
      expect(await outcome(client, SEAL, [world.own, 5])).toBe(1);
      expect(await outcome(client, SEAL, [null, 1])).toBe(1);
      expect(await outcome(client, "select from app_audit.seals")).toBe(2);
      expect(await outcome(client, SEAL, [world.foreign, 0])).toBe("42501");
    }));

  it("can write what is left of removed months from the first on, and nothing before it", () =>
    asSealer(async (client) => {
      const tombstone = `insert into app_audit.tombstones
          (sequence, covers_from, covers_until, event_count, whole_checkpoints, partial_seals, file_name, file_hash,
           removed_at, previous_hash, key_id, signature)
        values ($1::int, '2020-01-01', '2020-02-01', 5, '{}', '{}', 'x', sha256('x'),
                now(), case when $1 = 1 then null else sha256('x') end, 'key', decode(repeat('00', 64), 'hex'))`;
      expect(await outcome(client, tombstone, [0])).toBe("42501");
      expect(await outcome(client, tombstone, [1])).toBe(1);
      expect(await outcome(client, "select from app_audit.tombstones")).toBe(1);
    }));

  it("cannot change or remove either", () =>
    asSealer(async (client) => {
      for (const table of ["checkpoints", "seals"]) {
        expect(await outcome(client, `delete from app_audit.${table}`)).toBe("42501");
        expect(await outcome(client, `update app_audit.${table} set event_count = 1`)).toBe("42501");
      }
    }));
});

describe("app_definer", () => {
  it("cannot write a seal or a checkpoint, nor change or remove anything of the audit's", () =>
    asDefiner(async (client) => {
      for (const table of ["checkpoints", "seals", "legal_holds", "retention_policies"]) {
        expect(await outcome(client, `delete from app_audit.${table}`)).toBe("42501");
      }
      for (const table of ["checkpoints", "seals"]) {
        expect(await outcome(client, `insert into app_audit.${table} default values`)).toBe("42501");
      }
      // For the operator's commands; nobody else may execute the functions that do this.
      expect(await outcome(client, "update app_audit.legal_holds set reason = 'y'")).toBe("42501");
    }));

  it("sees every legal hold and how long events are kept, of every organization", () =>
    asDefiner(async (client) => {
      expect(await outcome(client, "select from app_audit.legal_holds")).toBe(2);
      expect(await outcome(client, "select from app_audit.retention_policies")).toBe(2);
    }));
});

describe("a table that app_definer keeps (all_definer)", () => {
  it("shows it the identities by which people sign in", () =>
    asDefiner(async (client) => {
      const sql = "select from app_private.user_identities where subject = 'x'";
      expect(await outcome(client, sql)).toBe(1);
    }));

  it.each([
    ["app_private.job_effects", "(organization_id, effect_key) values ($1, 'x')"],
    ["app_private.maintenance_reports", "(findings) values (jsonb_build_array($1::text))"],
    ["app_audit.legal_holds", "(organization_id, reason) values ($1, 'y')"],
  ])("takes a row of %s, and shows it", (table, row) =>
    asDefiner(async (client) => {
      const before = await outcome(client, `select from ${table}`);
      expect(await outcome(client, `insert into ${table} ${row}`, [world.own])).toBe(1);
      expect(await outcome(client, `select from ${table}`)).toBe(Number(before) + 1);
    }),
  );

  it("takes it that events are kept for longer, and not that they are kept for less than the law asks", () =>
    asDefiner(async (client) => {
      const keep = "update app_audit.retention_policies set keep_years = $1";
      expect(await outcome(client, keep, [7])).toBe(2);
      expect(await outcome(client, keep, [5])).toBe("42501");
    }));
});

describe("an import", () => {
  /** With the schema opened, which it is not: the policies hold by themselves. */
  const asAuditImport = (organizationIds: string[], work: (client: ClientBase) => Promise<void>) =>
    db.inTransaction(async (client) => {
      await client.query("grant usage on schema app_audit to app_data");
      await applySettings(client, { role: "app_data", "app.data_scope": organizationIds.join(",") });
      await work(client);
    });

  it.each(["legal_holds", "retention_policies"])(
    "reaches nothing of %s, and would no other's",
    async (table) => {
      const read = `select organization_id from app_audit.${table}`;
      await db.asData([world.own], async ({ client }) => expect(await outcome(client, read)).toBe("42501"));
      for (const organizationId of [world.own, world.foreign]) {
        await asAuditImport([organizationId], async (client) => {
          expect((await client.query(read)).rows).toEqual([{ organization_id: organizationId }]);
          const give = `update app_audit.${table} set organization_id = $1`;
          expect(await outcome(client, give, [organizationId])).toBe(1);
        });
      }
      await asAuditImport([], async (client) => expect(await outcome(client, read)).toBe(0));
    },
  );

  it("would put a hold on its organization, and on no other one", () =>
    asAuditImport([world.own], async (client) => {
      const sql = "insert into app_audit.legal_holds (organization_id, reason) values ($1, 'x')";
      expect(await outcome(client, sql, [world.own])).toBe(1);
      expect(await outcome(client, sql, [world.foreign])).toBe("42501");
    }));

  it("cannot leave a hold that belongs to nobody, whoever writes it", () =>
    db.inTransaction(async (client) => {
      const sql = "insert into app_audit.legal_holds (organization_id, reason) values (null, 'x')";
      expect(await outcome(client, sql)).toBe("23502");
    }));

  it("can record its runs, batches and problems, and cannot record empty ones", () =>
    db.asData([world.own], async (request) => {
      const { client } = request;
      const begin = `insert into app_private.backfill_runs (name, table_name, organization_ids, definition_hash)
        values ($1, 'x', '{}', 'x')`;
      const runId = await request.value<string>(`${begin} returning id`, ["a"]);
      expect(await outcome(client, begin, [""])).toBe("42501");
      const batch = `insert into app_private.backfill_batches (run_id, number, first_key, last_key, rows_changed)
        values ($1, $2, 'a', 'b', 1)`;
      expect(await outcome(client, batch, [runId, 1])).toBe(1);
      expect(await outcome(client, batch, [runId, 0])).toBe("42501");
      const issue = `insert into app_private.backfill_issues (run_id, table_name, row_id, problem)
        values ($1, 'x', gen_random_uuid(), $2)`;
      expect(await outcome(client, issue, [runId, "no city"])).toBe(1);
      expect(await outcome(client, issue, [runId, ""])).toBe("42501");
      // With those that were there: a run is the operator's, whatever it is over.
      expect(await outcome(client, "select from app_private.backfill_runs")).toBe(2);
      expect(await outcome(client, "select from app_private.backfill_batches")).toBe(2);
      expect(await outcome(client, "select from app_private.backfill_issues")).toBe(3);
    }));

  it("keeps, sees and forgets what rows were before in its organizations, and in no other", async () => {
    const keep = `insert into app_private.backfill_originals (run_id, table_name, row_id, original, written)
      select id, 'x', gen_random_uuid(), jsonb_build_object('organization_id', $1::uuid), '{}' from app_private.backfill_runs`;
    await db.asData([world.own], async ({ client }) => {
      const { rows } = await client.query(
        "select original ->> 'organization_id' as tenant from app_private.backfill_originals",
      );
      expect(rows).toEqual([{ tenant: world.own }]);
      expect(await outcome(client, keep, [world.own])).toBe(1);
      expect(await outcome(client, keep, [world.foreign])).toBe("42501");
      expect(await outcome(client, "delete from app_private.backfill_originals")).toBe(2);
    });
    await db.asData([], async ({ client }) =>
      expect(await outcome(client, "delete from app_private.backfill_originals")).toBe(0),
    );
  });
});
