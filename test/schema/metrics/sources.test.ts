import { beforeAll, describe, expect, it } from "@jest/globals";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import { MANUAL_KEYS } from "../../../src/access/world/furnish/metrics.ts";
import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

/** Who may write which source of a figure: people what is entered by hand, integrations their own, functions the derived. */
const db = useTestDatabase();
const REFUSED = { code: "42501" };
const SOURCES = ["manual", "integration", "derived"];
const TABLES = Object.entries(MANUAL_KEYS);
let world: FullWorld;

beforeAll(async () => {
  world = await createFullWorld(db);
  for (const [table, key] of TABLES) {
    for (const { clinic } of [world.here, world.abroad]) {
      await db.superuser.query(
        `insert into app_public.${table} (organization_id, clinic_id, metric_key, day, source, value)
         values ($1, $2, $3, '2030-01-01', 'integration', 3)`,
        [clinic.organizationId, clinic.id, key],
      );
    }
  }
});

const insertOf = (table: string) =>
  `insert into app_public.${table} (organization_id, clinic_id, metric_key, day, source, value)
   values ($1, $2, $3, '2030-01-02', $4, 1)`;

describe.each(TABLES)("%s", (table, key) => {
  it("lets the worker write and change what integrations bring to its organization, and nothing else", () =>
    db.asWorker(world.own, async (request) => {
      const { clinic } = world.here;
      expect(await request.attempt(`update app_public.${table} set value = 4`)).toBe(1);
      expect(
        await request.rows(
          `select distinct source::text, clinic_id from app_public.${table} where value = 4`,
        ),
      ).toEqual([{ source: "integration", clinic_id: clinic.id }]);
      for (const source of SOURCES) {
        const written = request.attempt(insertOf(table), [world.own, clinic.id, key, source]);
        await (source === "integration"
          ? expect(written).resolves.toBe(1)
          : expect(written).rejects.toMatchObject(REFUSED));
      }
      await expect(
        request.attempt(insertOf(table), [world.foreign, world.abroad.clinic.id, key, "integration"]),
      ).rejects.toMatchObject(REFUSED);
    }));

  it("lets staff change what was entered by hand, and nothing else", () =>
    db.asUser(world.here.staff, async (request) => {
      expect(await request.attempt(`update app_public.${table} set value = 4`)).toBe(1);
      expect(await request.attempt(`delete from app_public.${table}`)).toBe(1);
      expect(await request.value(`select count(*)::int from app_public.${table}`)).toBe(2);
    }));

  it("would take nothing else from staff if they could say the source", () =>
    db.inTransaction(async (client) => {
      await client.query(`grant insert (source), update (source) on app_public.${table} to app_user`);
      await applySettings(client, requestSettings(world.here.staff));
      const values = (source: string) => [world.own, world.here.clinic.id, key, source];
      for (const source of SOURCES) {
        await client.query("savepoint attempt");
        const written = client.query(insertOf(table), values(source));
        if (source === "manual") {
          expect((await written).rowCount).toBe(1);
        } else {
          await expect(written).rejects.toMatchObject(REFUSED);
          await client.query("rollback to savepoint attempt");
        }
      }
      await expect(
        client.query(`update app_public.${table} set source = 'derived' where day = '2030-01-02'`),
      ).rejects.toMatchObject(REFUSED);
    }));

  it("takes from a definer function what is derived, and nothing else", () =>
    db.inTransaction(async (client) => {
      await applySettings(client, { role: "app_definer" });
      for (const source of SOURCES) {
        await client.query("savepoint attempt");
        const written = client.query(insertOf(table), [world.own, world.here.clinic.id, key, source]);
        if (source === "derived") {
          expect((await written).rowCount).toBe(1);
        } else {
          await expect(written).rejects.toMatchObject(REFUSED);
          await client.query("rollback to savepoint attempt");
        }
      }
    }));
});

describe("calculate_organization_metrics", () => {
  const CALCULATE = "select app_hidden.calculate_organization_metrics($1)";
  it.each(["worker", "import"])(
    "counts the organization that the %s works for, and no other",
    async (who) => {
      for (const [organizationId, other] of [
        [world.own, world.foreign],
        [world.foreign, world.own],
      ] as const) {
        const count = async (of: string) => {
          const work = (request: Request) => request.value<number>(CALCULATE, [of]);
          return who === "worker" ? db.asWorker(organizationId, work) : db.asData([organizationId], work);
        };
        expect(await count(organizationId)).toBeGreaterThan(0);
        expect(await count(other)).toBe(0);
      }
    },
  );
});
