import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const setGoal = (request: Request, columns: Record<string, unknown> = {}) => {
  const values: Record<string, unknown> = {
    organization_id: world.own,
    clinic_id: world.here.clinic.id,
    name: "Goal",
    area: "call",
    metric_key: "calls_received",
    target: 10,
    starts_on: "2030-01-01",
    ends_on: "2030-01-31",
    ...columns,
  };
  const names = Object.keys(values);
  return request.value<string>(
    `insert into app_public.goals (${names.join(", ")}) values (${names.map((_, index) => `$${index + 1}`).join(", ")})
     returning id`,
    Object.values(values),
  );
};

const enter = (request: Request, day: string, value: number, key = "calls_received") =>
  request.rows(
    `insert into app_public.call_metrics (organization_id, clinic_id, metric_key, day, value) values ($1, $2, $3, $4, $5)`,
    [world.own, world.here.clinic.id, key, day, value],
  );

const progress = async (request: Request, id: string | undefined) => {
  const [row] = await request.rows<{ value: string | null; is_met: boolean }>(
    `select app_public.goal_progress_value(p)::float8 as value, app_public.goal_progress_is_met(p) as is_met
     from app_public.goal_progress p where p.goal_id = $1`,
    [id],
  );
  return row;
};

describe("goal_progress", () => {
  it("follows values that are entered, corrected and removed, within the period only", () =>
    db.asUser(world.here.clinicAdmin, async (request) => {
      const goal = await setGoal(request);
      expect(await progress(request, goal)).toEqual({ value: 0, is_met: false });
      await enter(request, "2030-01-31", 7);
      await enter(request, "2030-02-01", 100);
      await enter(request, "2030-01-01", 100, "calls_missed");
      expect(await progress(request, goal)).toEqual({ value: 7, is_met: false });
      await request.rows("update app_public.call_metrics set value = 12 where day = '2030-01-31'");
      expect(await progress(request, goal)).toEqual({ value: 12, is_met: true });
      await request.rows("delete from app_public.call_metrics where day = '2030-01-31'");
      expect(await progress(request, goal)).toEqual({ value: 0, is_met: false });
    }));

  it("starts from the values there are, and is counted anew when the goal changes", () =>
    db.asUser(world.here.clinicAdmin, async (request) => {
      await enter(request, "2030-01-10", 4);
      await enter(request, "2030-02-10", 5);
      const goal = await setGoal(request);
      expect(await progress(request, goal)).toEqual({ value: 4, is_met: false });
      await request.rows("update app_public.goals set ends_on = '2030-03-01', target = 9 where id = $1", [
        goal,
      ]);
      expect(await progress(request, goal)).toEqual({ value: 9, is_met: true });
    }));

  it("can hold a mean against a ceiling, with nothing met before there is a value", () =>
    db.asUser(world.here.clinicAdmin, async (request) => {
      const goal = await setGoal(request, { measure: "average", direction: "at_most", target: 5 });
      expect(await progress(request, goal)).toEqual({ value: null, is_met: false });
      await enter(request, "2030-01-10", 4);
      await enter(request, "2030-01-11", 5);
      expect(await progress(request, goal)).toEqual({ value: 4.5, is_met: true });
    }));

  it("of the organization adds up its clinics", async () => {
    await db.asUser(world.owner, async (request) => {
      const goal = await setGoal(request, { clinic_id: null });
      for (const { clinic, staff } of [world.here, world.there]) {
        await request.become(staff);
        await request.rows(
          `insert into app_public.call_metrics (organization_id, clinic_id, metric_key, day, value)
           values ($1, $2, 'calls_received', '2030-01-05', 6)`,
          [world.own, clinic.id],
        );
        expect(await progress(request, goal)).toBeUndefined();
      }
      await request.become(world.owner);
      expect(await progress(request, goal)).toEqual({ value: 12, is_met: true });
    });
  });

  it("goes with its goal", () =>
    db.asUser(world.here.clinicAdmin, async (request) => {
      const goal = await setGoal(request);
      await request.rows("delete from app_public.goals where id = $1", [goal]);
      expect(await progress(request, goal)).toBeUndefined();
    }));
});

describe("goals", () => {
  it.each([
    ["ends before it starts", { ends_on: "2029-12-31" }, "23514"],
    ["has a metric that does not exist", { metric_key: "nonsense" }, "23503"],
    ["has a metric of another area", { area: "financial" }, "23503"],
  ])("refuse one that %s", (_title, columns, code) =>
    db.asUser(world.here.clinicAdmin, (request) =>
      expect(setGoal(request, columns)).rejects.toMatchObject({ code }),
    ),
  );

  it("refuse a clinic of another organization", () =>
    db.asUser(world.owner, (request) =>
      expect(setGoal(request, { clinic_id: world.abroad.clinic.id })).rejects.toMatchObject({
        code: "42501",
      }),
    ));

  it("can be made from a template, for its length of time", () =>
    db.asUser(world.owner, async (request) => {
      const template = await request.value(
        `insert into app_public.goal_templates (organization_id, name, area, metric_key, period, target)
         values ($1, 'Quarterly', 'call', 'calls_received', 'quarter', 5) returning id`,
        [world.own],
      );
      const [goal] = await request.rows(
        `select name, target::int, ends_on::text, clinic_id from app_public.create_goal_from_template($1, '2030-01-01', $2)`,
        [template, world.here.clinic.id],
      );
      expect(goal).toEqual({
        name: "Quarterly",
        target: 5,
        ends_on: "2030-03-31",
        clinic_id: world.here.clinic.id,
      });
      await request.rows("delete from app_public.goal_templates where id = $1", [template]);
      expect(await request.value("select count(*)::int from app_public.goals")).toBe(1);
    }));
});

describe("create_report", () => {
  it("holds the figures of the period beside those of the one before, and is brought up to date", () =>
    db.asUser(world.here.clinicAdmin, async (request) => {
      await enter(request, "2030-01-15", 4);
      await enter(request, "2030-02-15", 5);
      const make = () =>
        request.rows(
          "select id, starts_on::text, ends_on::text, figures from app_public.create_report('month', '2030-02-03', $1, $2)",
          [world.here.clinic.id, world.own],
        );
      const [first] = await make();
      const figure = {
        area: "call",
        source: "manual",
        metricKey: "calls_received",
        count: 1,
        previousSum: 4,
      };
      expect(first).toMatchObject({
        starts_on: "2030-02-01",
        ends_on: "2030-02-28",
        figures: [{ ...figure, sum: 5 }],
      });
      await request.rows("update app_public.call_metrics set value = 6 where day = '2030-02-15'");
      const [second] = await make();
      expect(second).toMatchObject({ id: first?.id, figures: [{ ...figure, sum: 6 }] });
    }));

  it("can be made by the weekly job in its organization, and in no other", () =>
    db.asWorker(world.own, async (request) => {
      const make = (organizationId: string) =>
        request.attempt("select app_public.create_report('week', '2030-02-03', null, $1)", [organizationId]);
      expect(await make(world.own)).toBe(1);
      await expect(make(world.foreign)).rejects.toMatchObject({ code: "42501" });
    }));
});
