import { beforeAll, describe, expect, it } from "@jest/globals";
import pg, { type ClientBase } from "pg";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const EVENTS = `
  select organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, changed_fields,
    purpose_of_use, request_id
  from app_audit.events
  where row_id = $1
  order by id desc
  limit 1
`;

/** Makes a change as a person and commits it. */
async function commitAs(sql: string, values: unknown[], settings: Record<string, string>): Promise<void> {
  const client = new pg.Client({ connectionString: db.urls.gateway });
  await client.connect();
  try {
    await client.query("begin");
    await client.query("select set_config(key, value, true) from json_each_text($1::json)", [
      JSON.stringify(settings),
    ]);
    await client.query(sql, values);
    await client.query("commit");
  } finally {
    await client.end();
  }
}

describe("a change", () => {
  it("is on record with who, where, why and which fields, and without values", async () => {
    const { here } = world;
    await commitAs(
      "update app_public.patients set city = 'Oslo', phone = '555-0100' where id = $1",
      [here.patient.id],
      {
        role: "app_user",
        "jwt.claims.sub": here.provider.userId,
        "jwt.claims.sid": here.provider.sessionId,
        "app.purpose_of_use": "treatment",
        "app.request_id": "req-1",
      },
    );
    const { rows } = await db.superuser.query(EVENTS, [here.patient.id]);
    expect(rows).toEqual([
      {
        organization_id: world.own,
        clinic_id: null,
        actor_id: here.provider.userId,
        session_id: here.provider.sessionId,
        actor_role: "app_user",
        command: "UPDATE",
        table_name: "app_public.patients",
        changed_fields: ["city", "phone"],
        purpose_of_use: "treatment",
        request_id: "req-1",
      },
    ]);
    const { rows: all } = await db.superuser.query(
      "select string_agg(e::text, '') as text from app_audit.events e",
    );
    expect(all[0].text).not.toMatch(/Oslo|555-0100|Family|MRN-/);
  });

  it("that is rolled back leaves nothing on record", async () => {
    const count = async (client: ClientBase) =>
      (await client.query("select count(*)::int as count from app_audit.events")).rows[0].count as number;
    const before = await db.inTransaction(async (client) => {
      const committed = await count(client);
      await client.query("update app_public.patients set region = 'X' where id = $1", [
        world.here.patient.id,
      ]);
      expect(await count(client)).toBe(committed + 1);
      return committed;
    });
    expect(await db.inTransaction(count)).toBe(before);
  });

  it("of many rows is one event each, in the same transaction", () =>
    db.inTransaction(async (client) => {
      await client.query("update app_public.patients set region = 'Y'");
      const { rows } = await client.query(
        "select count(*)::int as count from app_audit.events where transaction_id = pg_current_xact_id()",
      );
      expect(rows).toEqual([{ count: 4 }]);
    }));

  it("by somebody who sets session_replication_role is on record all the same", () =>
    db.inTransaction(async (client) => {
      await client.query("set local session_replication_role to replica");
      await client.query("update app_public.patients set region = 'Z'");
      const { rows } = await client.query(
        "select count(*)::int as count from app_audit.events where transaction_id = pg_current_xact_id()",
      );
      expect(rows).toEqual([{ count: 4 }]);
    }));

  it("without a person cannot be made as app_user", () =>
    db.asAnonymous(async (request) => {
      await request.client.query("reset role");
      await request.client.query("set local role app_user");
      expect(await request.attempt("update app_public.patients set region = 'X'")).toBe(0);
    }));
});

describe("an event", () => {
  const tamper = async (client: ClientBase, sql: string) => {
    await client.query("savepoint s");
    await expect(client.query(sql)).rejects.toMatchObject({ code: "DENYD" });
    await client.query("rollback to savepoint s");
  };

  it("cannot be changed, removed or truncated, by a superuser neither, in the table or in a partition", () =>
    db.inTransaction(async (client) => {
      const { rows } = await client.query(
        "select tableoid::regclass::text as name from app_audit.events limit 1",
      );
      for (const table of ["app_audit.events", rows[0].name]) {
        await tamper(client, `update ${table} set actor_id = null`);
        await tamper(client, `delete from ${table}`);
        await tamper(client, `truncate ${table}`);
      }
      await client.query("set local session_replication_role to replica");
      await tamper(client, "delete from app_audit.events");
      await tamper(client, `update ${rows[0].name} set actor_id = null`);
    }));

  it.each([
    ["names its actor", "events_person_is_named", ["app_user", "UPDATE", 1, "ok", null]],
    ["has a command that is known", "events_command_is_known", ["app_worker", "MERGE", 1, "ok", null]],
    ["names the row it changes", "events_change_names_row", ["app_worker", "UPDATE", null, "ok", null]],
    ["has an outcome that is known", "events_outcome_is_known", ["app_worker", "SELECT", 1, "maybe", null]],
    ["says why it was denied", "events_refusal_has_code", ["app_worker", "ATTEMPT", null, "denied", null]],
    [
      "is denied as an attempt only",
      "events_attempt_is_refused",
      ["app_worker", "UPDATE", 1, "denied", "FORBIDDEN"],
    ],
  ])("%s, in a session that skips triggers too", (_, constraint, [role, command, row, outcome, code]) =>
    db.inTransaction(async (client) => {
      await client.query("set local session_replication_role to replica");
      const insert = (...values: unknown[]) =>
        client.query(
          `insert into app_audit.events (actor_role, command, table_name, row_id, changed_fields, outcome, error_code)
           values ($1, $2, 'app_public.patients', case when $3::int is not null then gen_random_uuid() end, '{}', $4, $5)`,
          values,
        );
      await insert("app_worker", "UPDATE", 1, "ok", null);
      await insert("app_worker", "ATTEMPT", null, "denied", "FORBIDDEN");
      await expect(insert(role, command, row, outcome, code)).rejects.toMatchObject({
        code: "23514",
        constraint,
      });
    }),
  );

  it("cannot be forged into another transaction by the functions' owner", () =>
    db.inTransaction(async (client) => {
      await client.query("set local role app_definer");
      await expect(
        client.query(
          `insert into app_audit.events (transaction_id, actor_role, command, table_name, row_id, changed_fields)
           values ('7', 'app_user', 'INSERT', 'x', gen_random_uuid(), '{}')`,
        ),
      ).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|23514)$/) });
    }));

  it("lands in the partition of its month, and outside of all of them in the default one", () =>
    db.inTransaction(async (client) => {
      const { rows } = await client.query(
        `insert into app_audit.events (occurred_at, actor_role, command, table_name, row_id, changed_fields)
         values (now(), 'x', 'INSERT', 'x', gen_random_uuid(), '{}'), ('2001-01-01', 'x', 'INSERT', 'x', gen_random_uuid(), '{}')
         returning tableoid::regclass::text as name, to_char(occurred_at at time zone 'UTC', 'YYYY_MM') as month`,
      );
      expect(rows[0].name).toBe(`app_audit.events_${rows[0].month}`);
      expect(rows[1].name).toBe("app_audit.events_default");
    }));
});
