import { readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "@jest/globals";
import { buildSchema } from "graphql";

import { createSession } from "../../src/access/world/people.ts";
import { generateVolume } from "../../src/generate/generateVolume.ts";
import { type Actor, useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { findApiLists } from "./apiLists.ts";
import { type Explained, filterRequests, makeExplainer, orderRequests, sampleRequest } from "./explainApi.ts";
import { fillTables } from "./fillTables.ts";
import { judgePlan } from "./judgePlan.ts";

const APPOINTMENTS = Number(process.env.BAILIWICK_PLAN_ROWS || 60_000);
/** Smaller tables are read whole, and rightly. */
const FEWEST_ROWS = 2000;
const MINUTE = 60_000;

const db = useTestDatabase();
const gateway = useGateway(db);
const schema = buildSchema(readFileSync(join(import.meta.dirname, "../../schema.graphql"), "utf8"));
const lists = findApiLists(schema);

/** Table → the most rows of one tenant in it, with those that belong to nobody: their policies have an arm for both. */
const tenantRows = new Map<string, number>();

async function measureTenants(): Promise<void> {
  const { rows: tables } = await db.superuser.query<{ name: string; table: string; column: string }>(
    `select c.oid::regclass::text as name, c.relname as table,
       coalesce(max(a.attname) filter (where a.attname = 'organization_id'), 'user_id') as column
     from pg_catalog.pg_class c
     join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname in ('organization_id', 'user_id')
     where c.relnamespace in ('app_public'::regnamespace, 'app_vault'::regnamespace, 'app_audit'::regnamespace)
     and c.relkind = 'r' and c.reltuples >= $1
     group by c.oid`,
    [FEWEST_ROWS],
  );
  for (const { name, table, column } of tables) {
    const { rows } = await db.superuser.query<{ most: number }>(
      `select coalesce(max(n) filter (where tenant is not null), 0)::int + coalesce(max(n) filter (where tenant is null), 0)::int as most
       from (select ${column} as tenant, count(*) as n from ${name} group by ${column}) t`,
    );
    tenantRows.set(table, rows[0]?.most ?? 0);
  }
}

/** Of the last organization: who reads by id from the front reads all the others first. */
async function lastPerson(membership: string): Promise<Actor> {
  const { rows } = await db.superuser.query<{ id: string }>(
    `select m.user_id as id from app_public.${membership} order by m.organization_id desc, m.id desc limit 1`,
  );
  const userId = rows[0]?.id ?? "";
  return { userId, sessionId: await createSession(db.superuser, userId) };
}

const PEOPLE = {
  "a provider": "clinic_memberships m where m.role = 'provider'",
  "the owner of an organization": "organization_memberships m where m.role = 'owner'",
};

/** What a plan may do, and why. */
const ACCEPTED: Readonly<Record<string, string>> = {
  "asks a subquery for each row of session_transcripts":
    "whoever sees the session sees its final transcripts: one look-up by key, for rows of clinics that are not the caller's",
};

function findingsOf(explained: readonly Explained[]): string[] {
  const findings = explained.flatMap(({ title, plan }) =>
    judgePlan(plan, tenantRows)
      .filter((finding) => !ACCEPTED[finding])
      .map((finding) => `${title} ${finding}`),
  );
  return [...new Set(findings)];
}

beforeAll(async () => {
  const shape = { organizations: 100, clinics: 200, patients: Math.round(APPOINTMENTS / 10), seed: 1 };
  await generateVolume(db.urls, { ...shape, appointments: APPOINTMENTS });
  const client = await db.superuser.connect();
  await fillTables(client).finally(() => client.release());
  await measureTenants();
}, 10 * MINUTE);

describe.each(Object.entries(PEOPLE))("what %s asks for", (_title, membership) => {
  it(
    "is found by an index of the tenant in every order",
    async () => {
      const explainer = makeExplainer(db, gateway, await lastPerson(membership));
      const explained = await explainer.explain(lists.flatMap(orderRequests));
      expect(findingsOf(explained)).toEqual([]);
    },
    5 * MINUTE,
  );

  it(
    "is found by an index of the tenant through every filter",
    async () => {
      const explainer = makeExplainer(db, gateway, await lastPerson(membership));
      const samples = await Promise.all(
        lists.map(async (list) => ({ list, sample: (await explainer.answer(sampleRequest(list)))[0] })),
      );
      const requests = samples.flatMap(({ list, sample }) => (sample ? filterRequests(list, sample) : []));
      const explained = await explainer.explain(requests);
      expect(findingsOf(explained)).toEqual([]);
    },
    5 * MINUTE,
  );
});
