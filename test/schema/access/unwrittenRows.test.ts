import { beforeAll, describe, expect, it } from "@jest/globals";

import { createFullWorld } from "../../../src/access/world/fullWorld.ts";
import { useTestDatabase } from "../../support/database.ts";
import { outcomes, type Statement } from "./outcomes.ts";

/**
 * Policies of the servers' roles say what a row has to be, so that one that nothing here would write, and an operator may have
 * written by hand, is no part of what the servers work with.
 */
const db = useTestDatabase();

beforeAll(async () => {
  await createFullWorld(db);
});

const CHECKPOINT = `insert into app_audit.checkpoints
    (sequence, timeline, first_transaction, horizon, system_identifier, event_count, root, previous_hash, key_id, signature)
  values ($1::int, 1, '0', '5', 0, 1, sha256('x'), case when $1 = 1 then null else sha256('x') end, 'key', decode(repeat('00', 64), 'hex'))`;
const TOMBSTONE = `insert into app_audit.tombstones
    (sequence, covers_from, covers_until, event_count, whole_checkpoints, partial_seals, file_name, file_hash, removed_at,
     previous_hash, key_id, signature)
  values ($1::int, make_date(2020 + $1, 1, 1), make_date(2020 + $1, 2, 1), 5, '{}', '{}', 'x', sha256('x'), now(),
    case when $1 = 1 then null else sha256('x') end, 'key', decode(repeat('00', 64), 'hex'))`;

interface Unwritten {
  table: string;
  roles: string[];
  /** Writes a row that is right, and another that is not. */
  rows: Statement[];
  /** What tells the one that is not. */
  wrong: string;
}

const UNWRITTEN: Unwritten[] = [
  {
    table: "app_audit.checkpoints",
    roles: ["app_sealer", "app_definer"],
    rows: [
      [CHECKPOINT, 1],
      [CHECKPOINT, 0],
    ],
    wrong: "sequence = 0",
  },
  {
    table: "app_audit.tombstones",
    roles: ["app_sealer", "app_definer"],
    rows: [
      [TOMBSTONE, 1],
      [TOMBSTONE, 0],
    ],
    wrong: "sequence = 0",
  },
  {
    table: "app_audit.events",
    roles: ["app_sealer", "app_definer"],
    rows: [
      [
        "update app_audit.events set timeline = 0 where id = (select max(id::text)::uuid from app_audit.events)",
      ],
    ],
    wrong: "timeline = 0",
  },
  {
    table: "app_private.backfill_runs",
    roles: ["app_data"],
    rows: [
      [
        `insert into app_private.backfill_runs (name, table_name, organization_ids, definition_hash)
         values ('a', 'x', '{}', 'x'), ('', 'x', '{}', 'x')`,
      ],
    ],
    wrong: "name = ''",
  },
  {
    table: "app_private.backfill_batches",
    roles: ["app_data"],
    rows: [
      [
        `insert into app_private.backfill_batches (run_id, number, first_key, last_key, rows_changed)
         select r.id, n, 'a', 'b', 1 from (select id from app_private.backfill_runs limit 1) as r, (values (0), (77)) as v (n)`,
      ],
    ],
    wrong: "number = 0",
  },
  {
    table: "app_private.backfill_issues",
    roles: ["app_data"],
    rows: [
      [
        `insert into app_private.backfill_issues (run_id, table_name, row_id, problem)
         select r.id, 'x', r.id, p from (select id from app_private.backfill_runs limit 1) as r, (values ('p'), ('')) as v (p)`,
      ],
    ],
    wrong: "problem = ''",
  },
  {
    table: "app_private.maintenance_reports",
    roles: ["app_definer"],
    rows: [["insert into app_private.maintenance_reports (findings) values ('[]'), ('{}')"]],
    wrong: "findings = '{}'",
  },
  {
    table: "app_public.job_dead_letters",
    roles: ["app_definer"],
    rows: [
      [
        `insert into app_public.job_dead_letters (task, payload, error_code, attempts, job_id)
         values ('x', '{}', 'x', 0, 901), ('x', '{}', 'x', -1, 902)`,
      ],
    ],
    wrong: "attempts = -1",
  },
  {
    table: "app_public.export_requests",
    roles: ["app_definer"],
    rows: [
      [
        `update app_public.export_requests set created_by = null
         where id = (select max(id::text)::uuid from app_public.export_requests)`,
      ],
    ],
    wrong: "created_by is null",
  },
];

const everyRole = UNWRITTEN.flatMap(({ roles, ...unwritten }) =>
  roles.map((role) => ({ role, ...unwritten })),
);

describe.each(everyRole)("$table, for $role", ({ table, role, rows, wrong }) => {
  it(`shows what is right, and nothing where ${wrong}`, async () => {
    const isThere: Statement = [
      `do $$ begin assert exists (select from ${table} where ${wrong}), 'nothing is wrong'; end $$`,
    ];
    const read = [[`select from ${table} where ${wrong}`], [`select from ${table}`]] as const;
    const [wrongly, rightly] = await outcomes(
      db,
      { settings: { role }, table, before: [...rows, isThere] },
      read,
    );
    expect(wrongly).toBe(0);
    expect(rightly).toBeGreaterThan(0);
  });
});
