import { beforeAll, describe, expect, it } from "@jest/globals";

import { completeScope } from "../../../src/access/accessScope.ts";
import { makeCheckKiller } from "../../../src/access/mutate/checkKiller.ts";
import { furnishWorld } from "../../../src/access/mutate/furnishWorld.ts";
import type { Mutant } from "../../../src/access/mutate/generateMutants.ts";
import type { CloneKiller, Killer } from "../../../src/access/mutate/killer.ts";
import { makeMatrixKiller, probeBaseline } from "../../../src/access/mutate/matrixKiller.ts";
import { type MutantResult, mutateAccess } from "../../../src/access/mutate/mutateAccess.ts";
import { loadRules } from "../../../src/access/rules.ts";
import { readOwnWaivers } from "../../../src/access/waivers.ts";
import { dropClone } from "../../../src/database/cloneDatabase.ts";
import type { DatabaseUrls } from "../../../src/database/databaseUrls.ts";
import { withClient } from "../../../src/database/withClient.ts";
import { testCluster } from "../../support/cluster.ts";
import { useTestDatabase } from "../../support/database.ts";

const PROBED = "app_public.notifications";
const WORLD = `mutants_world_${process.pid}`;

const db = useTestDatabase();
// Its clones are made of a database to which nobody is connected: the template of the test run.
const database = { ...testCluster(), close: () => Promise.resolve() };
let world: DatabaseUrls;
let check: Killer;
let matrix: Killer;

beforeAll(async () => {
  const furnished = await furnishWorld(database, WORLD);
  db.beforeDrop(() => dropClone(database.urls, WORLD));
  world = furnished.urls;
  await withClient(world.superuser, async (client) => {
    const scope = await completeScope(client, {});
    const today = new Date().toISOString().slice(0, 10);
    check = makeCheckKiller({ scope, rules: await loadRules(), waivers: await readOwnWaivers(), today });
    const baseline = await probeBaseline(client, furnished.world, [PROBED]);
    matrix = makeMatrixKiller({ world: furnished.world, baseline, schemas: scope.schemas });
  });
});

const mutant = (sql: string, touches = PROBED): Mutant => ({
  operator: "planted",
  object: sql,
  touches,
  sql,
  isClusterWide: false,
});

const OPENED = mutant(`alter table ${PROBED} disable row level security`);
const OTHER_PEOPLES = mutant(
  `drop policy select_self on ${PROBED};
   create policy select_self on ${PROBED} for select to app_user
     using (organization_id = any (array(select app_hidden.my_organization_ids())))`,
);
/** No rule looks at a check constraint of a table that the matrix of this test does not probe. */
const PLANTED = mutant(
  "alter table app_public.clinics drop constraint clinics_pkey cascade",
  "app_public.clinics",
);

const mutate = (mutants: Mutant[], killers: Killer[], more: { jobs?: number; signal?: AbortSignal } = {}) =>
  mutateAccess({ database, world, mutants, killers, jobs: 1, ...more });
const summary = (results: MutantResult[]) => results.map(({ status, killer }) => [status, killer]);

const leftOver = async () => {
  const { rows } = await db.superuser.query<{ name: string }>(
    "select datname::text as name from pg_catalog.pg_database where datname ~ $1",
    [`^mutants?_(bench_)?${process.pid}_`],
  );
  return rows.map(({ name }) => name);
};

describe("a mutant", () => {
  it("is killed by the check where the catalogue shows it", async () => {
    const [result] = await mutate([OPENED], [check, matrix]);
    expect(result).toMatchObject({ status: "killed", killer: "check" });
    expect(result?.evidence).toContain(`0001_row_security_enabled ${PROBED}`);
  });

  it("is killed by the matrix where only rows show it", async () => {
    const [result] = await mutate([OTHER_PEOPLES], [check, matrix]);
    expect(result).toMatchObject({ status: "killed", killer: "matrix" });
    expect(result?.evidence).toMatch(/^app_public\.notifications: select of .* widened, /);
  });

  it("survives when nobody looks where it is", async () => {
    expect(summary(await mutate([OPENED], []))).toEqual([["survived", null]]);
    expect(summary(await mutate([OTHER_PEOPLES], [check]))).toEqual([["survived", null]]);
    expect(summary(await mutate([PLANTED], [check, matrix]))).toEqual([["survived", null]]);
  });

  it("is killed by rows that contradict it, and invalid when its SQL cannot run", async () => {
    const mutants = [
      mutant("create unique index on app_public.notifications (kind, subject_table)"),
      mutant("create unique index on app_public.users (is_superadmin)"),
      mutant("drop policy nobody on app_public.users"),
    ];
    const results = await mutate(mutants, []);
    expect(summary(results).slice(1)).toEqual([
      ["killed", "rows"],
      ["invalid", null],
    ]);
  });

  it("is gone when the next one is tried", async () => {
    const unlocked = mutant(`alter table ${PROBED} disable row level security`);
    const harmless = mutant("comment on table app_public.users is 'x'");
    expect(summary(await mutate([unlocked, harmless], [check, matrix]))).toEqual([
      ["killed", "check"],
      ["survived", null],
    ]);
  });
});

const isOpen = (urls: DatabaseUrls) =>
  withClient(urls.superuser, async (client) => {
    const { rows } = await client.query<{ open: boolean }>(
      "select not relrowsecurity as open from pg_catalog.pg_class where oid = $1::regclass",
      [PROBED],
    );
    return rows[0]?.open ?? false;
  });

/** Notices tables without row security, on a clone. */
const onClone: CloneKiller = {
  name: "clone",
  looksAt: "clone",
  findEvidence: async (_mutant, urls) => ((await isOpen(urls)) ? "open" : null),
  isThereAnyway: isOpen,
};

describe("a clone", () => {
  it("holds the mutant, and nothing of it stays", async () => {
    const harmless = mutant("comment on table app_public.users is 'x'");
    expect(summary(await mutate([OPENED, harmless], [onClone]))).toEqual([
      ["killed", "clone"],
      ["survived", null],
    ]);
    expect(await leftOver()).toEqual([]);
  });

  it("is not trusted to a killer that fails without a mutant", async () => {
    const alwaysFails: CloneKiller = { ...onClone, findEvidence: () => Promise.resolve("it fails") };
    await expect(mutate([OPENED], [alwaysFails])).rejects.toThrow(
      "Without any mutant, clone already fails: it fails",
    );
    expect(await leftOver()).toEqual([]);
  });

  it("is asked for again where what was noticed is there without the mutant too", async () => {
    let mistakes = 0;
    const mistakenOnce: CloneKiller = {
      ...onClone,
      findEvidence: async (one, urls, reach) =>
        one.operator === "planted" && mistakes === 0 ? "it fails" : onClone.findEvidence(one, urls, reach),
      isThereAnyway: async (urls) => (await isOpen(urls)) || mistakes++ === 0,
    };
    const harmless = mutant("comment on table app_public.users is 'x'");
    expect(summary(await mutate([harmless], [mistakenOnce]))).toEqual([["survived", null]]);
    expect(mistakes).toBe(1);
  });

  it("is never made for what all databases share", async () => {
    const role: Mutant = { ...mutant("alter role app_user bypassrls"), isClusterWide: true };
    const alwaysFails: CloneKiller = { ...onClone, findEvidence: () => Promise.resolve("it fails") };
    expect(summary(await mutate([role], [alwaysFails]))).toEqual([["survived", null]]);
    const { rows } = await db.superuser.query(
      "select rolbypassrls from pg_catalog.pg_roles where rolname = 'app_user'",
    );
    expect(rows).toEqual([{ rolbypassrls: false }]);
  });
});

describe("an interruption", () => {
  it("ends the run after the mutants under way, and leaves no database behind", async () => {
    const interruption = new AbortController();
    const mutants = Array.from({ length: 50 }, () => ({ ...OPENED }));
    const results = await mutateAccess({
      database,
      world,
      mutants,
      killers: [onClone],
      jobs: 2,
      signal: interruption.signal,
      onResult: () => interruption.abort(),
    });
    expect(results.length).toBeLessThan(3);
    expect(await leftOver()).toEqual([]);
  });
});
