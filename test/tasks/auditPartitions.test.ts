import { describe, expect, it } from "@jest/globals";

import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";

const db = useTestDatabase();

async function runTask(): Promise<void> {
  await db.superuser.query("select graphile_worker.add_job('audit__make_partitions', '{}')");
  await runJobs(db);
}

async function problems(): Promise<unknown[]> {
  const { rows } = await db.superuser.query(
    "select organization_id, error_code from app_public.job_dead_letters where task = 'audit__make_partitions'",
  );
  return rows;
}

const state = async () => (await db.superuser.query("select * from app_hidden.audit_partitions()")).rows[0];

describe("audit__make_partitions", () => {
  it("makes the months that are missing, closed to everybody and with their triggers", async () => {
    await db.superuser.query(`do $$
      declare v_name text;
      begin
        for v_name in select partition_name from app_hidden.audit_months() where covers_from > now() loop
          execute format('drop table app_audit.%I', v_name);
        end loop;
      end $$`);
    expect(await state()).toEqual({ months_ahead: 0, stray_events: "0" });
    await runTask();
    expect(await state()).toEqual({ months_ahead: 5, stray_events: "0" });
    expect(await queuedJobs(db)).toEqual([]);
    const { rows } = await db.superuser.query(
      `select count(*)::int as months, bool_and(c.relrowsecurity and c.relforcerowsecurity) as closed,
         min((select count(*)::int from pg_trigger t where t.tgrelid = c.oid and t.tgenabled = 'A')) as triggers
       from app_hidden.audit_months() m
       join pg_class c on c.oid = format('app_audit.%I', m.partition_name)::regclass`,
    );
    expect(rows).toEqual([{ months: 6, closed: true, triggers: 3 }]);
    expect(await problems()).toEqual([]);
  });

  it("locks no month that is there already", async () => {
    await db.inTransaction(async (client) => {
      await client.query("lock table app_audit.events in access share mode");
      await runTask();
    });
    expect(await queuedJobs(db)).toEqual([]);
  });

  it("fails for all to see when events are in none of the months", async () => {
    await db.superuser.query(
      `insert into app_audit.events (occurred_at, actor_role, command, table_name, row_id, changed_fields)
       values (now() + interval '2 years', 'x', 'INSERT', 'x', gen_random_uuid(), '{}')`,
    );
    expect(await state()).toEqual({ months_ahead: 5, stray_events: "1" });
    await runTask();
    expect(await problems()).toEqual([{ organization_id: null, error_code: "not_ready" }]);
  });

  it("leaves a month alone of which the default partition holds events", () =>
    db.inTransaction(async (client) => {
      await client.query("set local role app_owner");
      await client.query("select app_audit.create_partitions((now() + interval '23 months')::date, 3)");
      await client.query("reset role");
      const { rows } = await client.query("select count(*)::int as months from app_hidden.audit_months()");
      expect(rows).toEqual([{ months: 8 }]);
    }));

  it.each(["app_user", "app_anonymous", "app_sealer"])("refuses %s", (role) =>
    db.inTransaction(async (client) => {
      await client.query(`set local role ${role}`);
      await expect(client.query("select app_hidden.make_audit_partitions()")).rejects.toMatchObject({
        code: "42501",
      });
    }),
  );
});
