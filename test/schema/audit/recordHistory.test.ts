import { beforeAll, describe, expect, it } from "@jest/globals";

import type { Request } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const HISTORY = `select h.action, h.user_id, h.metadata -> 'changedFields' as fields
  from app_public.appointments a, app_public.appointments_history(a) h where a.id = $1`;
const AS_OF =
  "select app_public.appointments_as_of(a, $2::timestamptz) from app_public.appointments a where a.id = $1";

const database = useTestDatabase();
let world: World;
let appointmentId: string;

beforeAll(async () => {
  world = await createWorld(database.superuser);
  appointmentId = world.here.appointment.id;
});

async function move({ client }: Request, sql: string): Promise<string> {
  await client.query(`update app_public.appointments set ${sql} where id = $1`, [appointmentId]);
  const { rows } = await client.query<{ now: string }>("select clock_timestamp()::text as now");
  return rows[0]?.now ?? "";
}

/** Somebody of the clinic changes the appointment twice; times are after none, one and both. */
async function twice(request: Request): Promise<[string, string, string]> {
  const { rows } = await request.client.query<{ now: string }>("select clock_timestamp()::text as now");
  const first = await move(
    request,
    "during = tstzrange(lower(during) + interval '1 day', upper(during) + interval '1 day')",
  );
  return [rows[0]?.now ?? "", first, await move(request, "status = 'arrived'")];
}

describe("history", () => {
  it("shows an administrator of the clinic every change of a record, newest first, by field names", () =>
    database.asUser(world.here.staff, async (request) => {
      await twice(request);
      await request.become(world.here.clinicAdmin);
      expect((await request.rows(HISTORY, [appointmentId])).slice(0, 2)).toEqual([
        { action: "update", user_id: world.here.staff.userId, fields: ["status"] },
        { action: "update", user_id: world.here.staff.userId, fields: ["during", "ends_at", "starts_at"] },
      ]);
    }));

  it("shows others what they did themselves, and nothing of what others did", () =>
    database.asUser(world.here.staff, async (request) => {
      await twice(request);
      expect(await request.rows(HISTORY, [appointmentId])).toHaveLength(2);
      await request.become(world.here.provider);
      expect(await request.rows(HISTORY, [appointmentId])).toEqual([]);
      await request.become(world.abroad.clinicAdmin);
      expect(await request.rows(HISTORY, [appointmentId])).toEqual([]);
    }));
});

describe("as_of", () => {
  it("undoes the later changes, exactly, and shows no text and no health data", () =>
    database.asUser(world.here.staff, async (request) => {
      const present = (
        await request.rows("select to_jsonb(a) as a from app_public.appointments a where id = $1", [
          appointmentId,
        ])
      )[0]?.a as Record<string, string>;
      const times = await twice(request);
      await request.become(world.here.clinicAdmin);
      const found: (Record<string, string> | undefined)[] = [];
      for (const time of times) {
        found.push(await request.value(AS_OF, [appointmentId, time]));
      }
      const [before, between, after] = found;
      expect(before).toMatchObject({
        status: "booked",
        during: present.during,
        clinic_id: present.clinic_id,
      });
      expect(between?.status).toBe("booked");
      expect(between?.during).not.toBe(present.during);
      expect(after).toMatchObject({ status: "arrived", during: between?.during });
      expect(Object.keys(before ?? {})).not.toContain("reason");
    }));

  it.each([
    ["the provider whose appointment it is", () => world.here.provider],
    ["staff of the clinic", () => world.here.staff],
    ["the patient", () => world.portal],
  ])("denies %s", (_, person) =>
    database.asUser(person(), ({ attempt }) =>
      expect(attempt(AS_OF, [appointmentId, new Date().toISOString()])).rejects.toMatchObject({
        code: "DENYD",
      }),
    ),
  );

  it("is an error before the record was made, in the future, and never a guess", () =>
    database.asUser(world.here.clinicAdmin, async ({ attempt }) => {
      await expect(attempt(AS_OF, [appointmentId, "2001-01-01"])).rejects.toMatchObject({ code: "NTFND" });
      await expect(attempt(AS_OF, [appointmentId, "2901-01-01"])).rejects.toMatchObject({ code: "BADIN" });
    }));

  it("is an error where a change is on record without its values", async () => {
    const { rows } = await database.superuser.query<{ now: string }>("select clock_timestamp()::text as now");
    await database.superuser.query(
      `insert into app_audit.events (organization_id, clinic_id, actor_role, command, table_name, row_id, changed_fields)
       values ($1, $2, 'app_owner', 'UPDATE', 'app_public.appointments', $3, '{status}')`,
      [world.own, world.here.clinic.id, appointmentId],
    );
    await database.asUser(world.here.clinicAdmin, ({ attempt }) =>
      expect(attempt(AS_OF, [appointmentId, rows[0]?.now])).rejects.toMatchObject({ code: "NTFND" }),
    );
  });

  it("is an error where events of that time have been removed", () =>
    database.inTransaction(async (client) => {
      await client.query(
        `insert into app_audit.tombstones
         values (1, '2000-01-01Z', now(), 0, '{}', '[]', 'x', sha256('x'), now(), null, 'x', decode(repeat('00', 64), 'hex'))`,
      );
      const { rows } = await client.query("select clock_timestamp() - interval '1 second' as then");
      await client.query(
        "select set_config('jwt.claims.sub', $1, true), set_config('role', 'app_user', true)",
        [world.here.clinicAdmin.userId],
      );
      await expect(client.query(AS_OF, [appointmentId, rows[0].then])).rejects.toMatchObject({
        code: "NTFND",
      });
    }));
});
