import { readFile } from "node:fs/promises";

import { beforeAll, describe, expect, it } from "@jest/globals";
import { Client } from "pg";

import { compareMatrix, type MatrixLine } from "../../src/access/matrix/matrixLine.ts";
import { differingLines } from "../../src/access/matrix/matrixPage.ts";
import { type ProbedMatrix, runMatrix } from "../../src/access/matrix/probeMatrix.ts";
import { createFullWorld, type FullWorld } from "../../src/access/world/fullWorld.ts";
import type { Login } from "../../src/access/world/rolledBack.ts";
import { formattedPage, MATRIX_FILE } from "../../src/commands/accessMatrix.ts";
import { useTestDatabase } from "../support/database.ts";

/** Thousands of statements, on a machine that does other things as well. */
const PATIENCE = 240_000;

const db = useTestDatabase();
let world: FullWorld;
let found: ProbedMatrix;

async function open(login: Login): Promise<Client> {
  const client = new Client({ connectionString: db.urls[login] });
  await client.connect();
  return client;
}

/** Probes one table after a change, which is then taken back, and says what differs from before. */
async function changes(table: string, sabotage: string, repair: string) {
  await db.superuser.query(sabotage);
  try {
    const { lines } = await runMatrix(open, world, { tables: [table] });
    return compareMatrix(
      found.lines.filter((line) => line.table === table),
      lines.filter((line) => line.table === table),
    );
  } finally {
    await db.superuser.query(repair);
  }
}

beforeAll(async () => {
  world = await createFullWorld(db);
  found = await runMatrix(open, world);
}, PATIENCE);

describe("the matrix", () => {
  it("is the one of docs/access-matrix.md", async () => {
    expect(differingLines(await readFile(MATRIX_FILE, "utf8"), await formattedPage(found))).toEqual([]);
  });

  it("has probes for every table and every task", () => {
    expect(found.gaps).toEqual([]);
  });

  it("leaves nothing behind", async () => {
    const { rows } = await db.superuser.query("select reviewed_at from app_public.break_glass_grants");
    expect(rows.every((row) => row.reviewed_at === null)).toBe(true);
  });

  it("holds no id and no time", () => {
    expect(JSON.stringify(found.lines)).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}|\d\d:\d\d/);
  });
});

describe("a change is noticed:", () => {
  it.each([
    [
      "a second policy that shows more",
      "app_public.patients",
      "create policy hole on app_public.patients for select to app_user using (true)",
      "drop policy hole on app_public.patients",
      { command: "select", who: "staff", relation: "other clinic", outcome: "full" },
    ],
    [
      "a tenant column that may be updated",
      "app_public.clinic_memberships",
      "grant update (clinic_id) on app_public.clinic_memberships to app_user",
      "revoke update (clinic_id) on app_public.clinic_memberships from app_user",
      {
        command: "move",
        who: "owner",
        relation: "other clinic",
        outcome: expect.not.stringMatching("refused"),
      },
    ],
    [
      "a write that reaches what is not seen",
      "app_public.export_requests",
      `drop policy tenant_boundary on app_public.export_requests;
       create policy hole on app_public.export_requests for update to app_user using (true)`,
      `drop policy hole on app_public.export_requests;
       create policy tenant_boundary on app_public.export_requests as restrictive to app_user
         using (organization_id = any (array(select app_hidden.my_organization_ids())))
         with check (organization_id = any (array(select app_hidden.my_organization_ids())))`,
      { command: "blind update", who: "stranger", relation: "unseen", outcome: "some 3/3" },
    ],
    [
      "a table without row security",
      "app_vault.device_keys",
      "alter table app_vault.device_keys disable row level security",
      "alter table app_vault.device_keys enable row level security",
      { command: "select", who: "superadmin", relation: "other organization", outcome: "full" },
    ],
  ])(
    "%s",
    async (_title, table, sabotage, repair, expected) => {
      const widened = (await changes(table, sabotage, repair)).filter(
        ({ direction }) => direction !== "narrowed",
      );
      expect(widened.map(({ after }) => after)).toContainEqual({ table, ...expected });
    },
    PATIENCE,
  );

  it(
    "a table that nobody put rows into, and a command that nobody could do",
    async () => {
      const table = "app_public.rehearsals";
      await db.superuser.query(
        `create table ${table} (id int primary key, organization_id uuid not null);
         alter table ${table} enable row level security;
         grant select (id, organization_id), delete on ${table} to app_user`,
      );
      const { gaps } = await runMatrix(open, world, { tables: [table] });
      await db.superuser.query(`drop table ${table}`);
      expect(gaps).toEqual([
        expect.stringMatching(/rehearsals: the world has not a row of own or same clinic/),
        expect.stringMatching(/rehearsals: the world has not a row of other organization/),
        expect.stringMatching(/rehearsals: nobody could delete/),
      ]);
    },
    PATIENCE,
  );
});

describe("a comparison", () => {
  const line = (outcome: string, relation = "other clinic"): MatrixLine => ({
    ...{ table: "app_public.patients", command: "select", who: "staff" },
    ...{ relation, outcome },
  });

  it.each([
    ["none", "some 1/3", "widened"],
    ["some 1/3", "full", "widened"],
    ["refused", "full", "widened"],
    ["same", "differs (constraint 23505, done)", "widened"],
    ["full", "none", "narrowed"],
    ["none", "refused", "changed"],
  ])("of %s with %s says that it %s", (before, after, direction) => {
    expect(compareMatrix([line(before)], [line(after)])).toMatchObject([{ direction }]);
  });

  it("takes a command that was refused altogether for each relation", () => {
    expect(compareMatrix([line("refused", "any")], [line("refused")])).toEqual([]);
    expect(compareMatrix([line("refused", "any")], [line("full")])).toMatchObject([{ direction: "widened" }]);
    expect(compareMatrix([line("full")], [line("refused", "any")])).toMatchObject([
      { direction: "narrowed" },
    ]);
  });

  it("of two pages ignores how wide their columns are", () => {
    const [before, after] = ["## a\n| x |  1 |\n| --- | ---- |", "## a\n| x | 1 |\n| --- | --- |"];
    expect(differingLines(before, after)).toEqual([]);
    expect(differingLines(before, after.replace("1", "2"))).toEqual(["- a: | x | 1 |", "+ a: | x | 2 |"]);
  });
});
