import { describe, expect, it } from "@jest/globals";

import { generate } from "../../src/commands/generate.ts";
import { generateVolume, type VolumeRequest } from "../../src/generate/generateVolume.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
const SMALL: VolumeRequest = {
  organizations: 3,
  clinics: 5,
  patients: 40,
  appointments: 700,
  seed: 1,
  around: "2026-02-11",
};

const count = async (table: string, condition = "true") => {
  const { rows } = await db.superuser.query<{ count: number }>(
    `select count(*)::int as count from app_public.${table} where ${condition}`,
  );
  return rows[0]?.count;
};

/** Everything the data says, without the times at which rows were written. */
const contents = async () => {
  const { rows } = await db.superuser.query<{ hash: string }>(
    `select md5(string_agg(r::text, '|' order by r::text)) as hash from (
       select id, organization_id, clinic_id, patient_id, provider_id, during, status, kind, reason, cancelled_reason
       from app_public.appointments) r`,
  );
  return rows[0]?.hash;
};

describe("generateVolume", () => {
  it("writes exactly the numbers that were asked for, spread evenly over organizations and clinics", async () => {
    const report = await generateVolume(db.urls, SMALL);
    expect(report).toMatchObject({ around: "2026-02-11", isComplete: true });
    expect(report.written).toMatchObject({ patients: 40, appointments: 700 });
    expect(await count("organizations")).toBe(3);
    expect(await count("clinics")).toBe(5);
    expect(await count("clinic_memberships", "role = 'provider'")).toBe(20);
    expect(await count("patients")).toBe(40);
    const { rows } = await db.superuser.query(
      "select count(*)::int as n from app_public.appointments group by organization_id order by n",
    );
    expect(rows.map(({ n }) => n)).toEqual([233, 233, 234]);
  });

  it("books patients in their own clinic, in working hours, the past settled and the future open", async () => {
    expect(
      await count(
        "appointments a join app_public.patients p on p.id = a.patient_id",
        "p.home_clinic_id <> a.clinic_id",
      ),
    ).toBe(0);
    expect(
      await count(
        "appointments",
        `extract(isodow from starts_at at time zone 'America/Toronto') > 5
         or (starts_at at time zone 'America/Toronto')::time not between '09:00' and '16:30'`,
      ),
    ).toBe(0);
    const statuses = async (condition: string) => {
      const { rows } = await db.superuser.query(
        `select distinct status::text from app_public.appointments where starts_at ${condition} '2026-02-11 00:00-05' order by 1`,
      );
      return rows.map(({ status }) => status);
    };
    expect(await statuses("<")).toEqual(["cancelled", "completed", "no_show"]);
    expect(await statuses(">=")).toEqual(["booked", "cancelled"]);
  });

  it("puts every row on record", async () => {
    const { rows } = await db.superuser.query(
      `select count(*)::int as count from app_audit.events
       where table_name = 'app_public.appointments' and actor_role = 'app_data'`,
    );
    expect(rows[0]?.count).toBe(700);
  });

  it("changes nothing when it runs again, and without a day keeps that of the data", async () => {
    const before = await contents();
    const report = await generateVolume(db.urls, { ...SMALL, around: undefined });
    expect(report).toEqual({
      around: "2026-02-11",
      isComplete: true,
      written: { tenants: 0, patients: 0, appointments: 0 },
    });
    expect(await contents()).toBe(before);
  });

  it("goes on after an interruption, and adds to what is there", async () => {
    const more = { ...SMALL, patients: 60, appointments: 1500 };
    const interruption = new AbortController();
    interruption.abort();
    const stopped = await generateVolume(db.urls, more, { signal: interruption.signal });
    expect(stopped).toMatchObject({ isComplete: false, written: { appointments: 0 } });
    expect((await generateVolume(db.urls, more)).written).toMatchObject({ patients: 20, appointments: 800 });
    expect(await count("appointments")).toBe(1500);
  });

  it("makes other data with another seed, beside the first", async () => {
    const report = await generateVolume(db.urls, { ...SMALL, seed: 2 });
    expect(report.written.appointments).toBe(700);
    expect(await count("organizations")).toBe(6);
  });

  it("leaves the tables with fresh statistics", async () => {
    const { rows } = await db.superuser.query(
      "select reltuples::int as rows from pg_class where oid = 'app_public.appointments'::regclass",
    );
    expect(rows[0]?.rows).toBe(2200);
  });

  it("tells the progress of all rows, step by step", async () => {
    const seen: [number, number, string][] = [];
    await generateVolume(db.urls, { ...SMALL, seed: 3 }, { onProgress: (...now) => seen.push(now) });
    expect(seen[0]).toEqual([0, 745, "tenants"]);
    expect(seen.at(-1)).toEqual([745, 745, "appointments"]);
    expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).toSorted((a, b) => a - b));
  });
});

describe("generateVolume refuses", () => {
  it("numbers that do not fit, all of them at once, before it writes", async () => {
    const wrong = { ...SMALL, organizations: 9, clinics: 4, patients: 1.5, seed: -1, around: "soon" };
    const refusal = generateVolume(db.urls, wrong);
    await expect(refusal).rejects.toThrow(
      [
        "--patients must be a whole number from 0 to 10000000; got 1.5",
        "--seed must be a whole number from 0 on; got -1",
        "--around must be a day such as 2026-01-31; got 'soon'",
        "--clinics must be at least --organizations (9); got 4",
        "--patients must be at least --clinics (4), to have somebody to book; got 1.5",
      ].join("\n"),
    );
  });

  it("another day for data that exists", async () => {
    await expect(generateVolume(db.urls, { ...SMALL, around: "2026-03-01" })).rejects.toThrow(
      "This data exists around 2026-02-11 and cannot go on around 2026-03-01",
    );
  });

  it("production", async () => {
    await expect(generate({ ...db.config, environment: "production" }, SMALL)).rejects.toThrow(
      "refused there",
    );
  });
});
