import { beforeAll, expect, it } from "@jest/globals";

import { createFullWorld } from "../../../src/access/world/fullWorld.ts";
import { useTestDatabase } from "../../support/database.ts";
import { outcomes, type Statement } from "./outcomes.ts";

/** Which rows the servers' functions (app_definer) reach of tables that people work with, of all organizations. */
const db = useTestDatabase();

beforeAll(async () => {
  await createFullWorld(db);
});

const settings = { role: "app_definer" };

async function countOf(table: string): Promise<number> {
  const { rows } = await db.superuser.query<{ count: number }>(`select count(*)::int from ${table}`);
  return rows[0]?.count ?? 0;
}

it("cleans up shares that ended more than 90 days ago, and sees and removes no other", async () => {
  const table = "app_public.resource_shares";
  const endedBefore = (time: string): Statement[] => [
    [`update ${table} set created_at = now() - interval '1 year', expires_at = now() - interval '${time}'`],
  ];
  // Without a condition, which would bring the policies of select in.
  const statements: Statement[] = [[`select from ${table}`], [`delete from ${table}`]];
  const all = await countOf(table);
  expect(all).toBeGreaterThan(1);
  expect(await outcomes(db, { settings, table, before: endedBefore("91 days") }, statements)).toEqual([
    all,
    all,
  ]);
  expect(await outcomes(db, { settings, table, before: endedBefore("89 days") }, statements)).toEqual([0, 0]);
});

it("knows of reports when they are written, and not before", async () => {
  const table = "app_public.reports";
  const written = (time: string): Statement[] => [[`update ${table} set written_at = ${time}`]];
  const statements: Statement[] = [[`select from ${table}`]];
  const all = await countOf(table);
  expect(all).toBeGreaterThan(1);
  expect(await outcomes(db, { settings, table, before: written("now()") }, statements)).toEqual([all]);
  expect(await outcomes(db, { settings, table, before: written("null") }, statements)).toEqual([0]);
});

it.each(["appointment_metrics", "call_metrics", "financial_metrics", "patient_metrics"])(
  "makes derived %s anew, and takes none away that somebody entered",
  async (name) => {
    const table = `app_public.${name}`;
    const oneLess: Statement = [
      `delete from ${table} where id = (select id from ${table} where source = 'derived' limit 1)`,
    ];
    const derived = await countOf(`${table} where source = 'derived'`);
    const all = await countOf(table);
    expect(derived).toBeGreaterThan(1);
    expect(all - derived).toBeGreaterThan(0);
    const remove: Statement[] = [[`delete from ${table}`]];
    expect(await outcomes(db, { settings, table }, remove)).toEqual([derived]);
    expect(await outcomes(db, { settings, table, before: [oneLess] }, remove)).toEqual([derived - 1]);
  },
);
