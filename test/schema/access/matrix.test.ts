import { beforeAll, describe, expect, it } from "@jest/globals";

import { createFullWorld } from "../../../src/access/world/fullWorld.ts";
import { KINDS } from "../../../src/access/world/kinds.ts";
import type { World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";
import { asKind, countTouched } from "../../support/kinds.ts";
import { PARTS } from "./matrix/parts.ts";

const VISIBLE = Object.fromEntries(PARTS.flatMap(({ visible }) => Object.entries(visible)));
const TABLES = Object.keys(VISIBLE);
const DELETABLE = new Set(PARTS.flatMap(({ deletable = [] }) => deletable));
const REFUSED = [
  ...TABLES.map((table) => `truncate ${table}`),
  ...TABLES.filter((table) => !DELETABLE.has(table)).map((table) => `delete from ${table}`),
  ...PARTS.flatMap(({ refused }) => refused),
];

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createFullWorld(db);
});

it("has a line for every table of the API", async () => {
  const { rows } = await db.superuser.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('app_public', 'app_vault') and c.relkind in ('r', 'p')`,
  );
  expect(rows.map(({ name }) => name).sort()).toEqual([...TABLES].sort());
});

it.each(TABLES)("has rows in %s, of more than one person or organization", async (table) => {
  const { rows } = await db.superuser.query<{ count: number }>(`select count(*)::int from ${table}`);
  expect(rows[0]?.count).toBeGreaterThan(1);
});

describe.each(KINDS)("as %s", (kind) => {
  it.each(TABLES)("sees exactly its own rows of %s", async (table) => {
    const seen = await asKind(db, world, kind, (request) => countTouched(request, `select from ${table}`));
    expect(seen).toBe(VISIBLE[table]?.[kind]);
  });

  describe.each(PARTS.flatMap(({ writes }) => writes))(
    "$title",
    ({ sql, values, allowed, refusals = [] }) => {
      it(allowed.includes(kind) ? "can" : "cannot", async () => {
        const touched = await asKind(db, world, kind, (request) =>
          countTouched(request, sql, values(world), ["42501", ...refusals]),
        );
        expect(touched).toBe(allowed.includes(kind) ? 1 : 0);
      });
    },
  );

  it.each(REFUSED)("denies %s", (sql) =>
    asKind(db, world, kind, (request) =>
      expect(request.attempt(sql)).rejects.toMatchObject({ code: "42501" }),
    ),
  );
});
