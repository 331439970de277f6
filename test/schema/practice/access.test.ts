import { beforeAll, describe, expect, it } from "@jest/globals";

import { useTestDatabase } from "../../support/database.ts";
import { asKind, countTouched, type Kind, KINDS, type KindWrite } from "../../support/kinds.ts";
import { createWorld, type World } from "../../support/world.ts";

const db = useTestDatabase();
let world: World;

/** Two transcripts of every session, a draft and a final one; a template of each scope; an export asked for by a provider. */
beforeAll(async () => {
  world = await createWorld(db.superuser);
  for (const { clinic, careSessionId, provider } of [world.here, world.there, world.abroad]) {
    const tenant = [clinic.organizationId, clinic.id];
    await db.superuser.query(
      `insert into app_public.session_transcripts (organization_id, clinic_id, care_session_id, status)
       values ($1, $2, $3, 'draft'), ($1, $2, $3, 'final')`,
      [...tenant, careSessionId],
    );
    await db.superuser.query(
      "insert into app_public.session_templates (organization_id, clinic_id, name, version, body) values ($1, $2, 'Clinic', 1, 'x')",
      tenant,
    );
    await db.superuser.query(
      "insert into app_public.export_requests (organization_id, clinic_id, kind, created_by) values ($1, $2, 'patients', $3)",
      [...tenant, provider.userId],
    );
  }
  await db.superuser.query(
    `insert into app_public.session_templates (organization_id, name, version, body)
     values ($1, 'Organization', 1, 'x'), ($2, 'Organization', 1, 'x'), (null, 'System', 1, 'x')`,
    [world.own, world.foreign],
  );
});

function row(...counts: number[]): Record<Kind, number> {
  return Object.fromEntries(KINDS.map((kind, index) => [kind, counts[index]])) as Record<Kind, number>;
}

/** In the order of KINDS. */
const VISIBLE: Record<string, Record<Kind, number>> = {
  session_transcripts: row(2, 2, 2, 2, 2, 2, 0, 0, 1, 0, 6, 0, 0),
  session_templates: row(3, 3, 3, 3, 3, 3, 4, 4, 1, 6, 6, 1, 0),
  export_requests: row(1, 1, 0, 0, 1, 1, 2, 2, 0, 3, 3, 0, 0),
};

const TREATING = ["clinicAdmin", "provider"] as const;
const ADMINISTRATORS = ["owner", "admin"] as const;
const OPERATOR = ["superadmin", "support"] as const;
const ofClinic = ({ own, here }: World) => [own, here.clinic.id];
const ofSession = ({ own, here }: World) => [own, here.clinic.id, here.careSessionId];

const WRITES: readonly KindWrite[] = [
  {
    title: "write a transcript",
    sql: "insert into app_public.session_transcripts (organization_id, clinic_id, care_session_id) values ($1, $2, $3)",
    values: ofSession,
    allowed: TREATING,
  },
  {
    title: "change a draft",
    sql: `update app_public.session_transcripts set language = 'fr'
      where organization_id = $1 and clinic_id = $2 and care_session_id = $3 and status = 'draft'`,
    values: ofSession,
    allowed: TREATING,
  },
  {
    title: "save a clinic's template",
    sql: "insert into app_public.session_templates (organization_id, clinic_id, name, version, body) values ($1, $2, 'Clinic', 2, 'y')",
    values: ofClinic,
    allowed: [...TREATING, ...ADMINISTRATORS],
  },
  {
    title: "save an organization's template",
    sql: "insert into app_public.session_templates (organization_id, name, version, body) values ($1, 'Organization', 2, 'y')",
    values: ({ own }) => [own],
    allowed: ADMINISTRATORS,
  },
  {
    title: "save a system template",
    sql: "insert into app_public.session_templates (organization_id, name, version, body) values (null, 'System', 2, 'y')",
    values: () => [],
    allowed: OPERATOR,
  },
  {
    title: "retire a clinic's template",
    sql: "update app_public.session_templates set retired_at = now() where organization_id = $1 and clinic_id = $2",
    values: ofClinic,
    allowed: [...TREATING, ...ADMINISTRATORS],
  },
  {
    title: "retire an organization's template",
    sql: "update app_public.session_templates set retired_at = now() where organization_id = $1 and clinic_id is null",
    values: ({ own }) => [own],
    allowed: ADMINISTRATORS,
  },
  {
    title: "retire a system template",
    sql: "update app_public.session_templates set retired_at = now() where organization_id is null",
    values: () => [],
    allowed: OPERATOR,
  },
  {
    title: "ask for an export",
    sql: "insert into app_public.export_requests (organization_id, clinic_id, kind) values ($1, $2, 'appointments')",
    values: ofClinic,
    allowed: TREATING,
  },
  {
    title: "withdraw somebody's export",
    sql: "update app_public.export_requests set status = 'cancelled' where organization_id = $1 and clinic_id = $2",
    values: ofClinic,
    // Who asked for it.
    allowed: ["provider"],
  },
];

/** Nobody may do these by a request: there is no grant. */
const REFUSED = [
  "update app_public.session_transcripts set care_session_id = gen_random_uuid()",
  "update app_public.session_transcripts set clinic_id = gen_random_uuid()",
  "delete from app_public.session_transcripts",
  "update app_public.session_templates set body = 'z'",
  "update app_public.session_templates set organization_id = null",
  "delete from app_public.session_templates",
  "update app_public.export_requests set expires_at = now() + interval '1 year'",
  "update app_public.export_requests set created_by = auth.uid()",
  "delete from app_public.export_requests",
];

describe.each(KINDS)("as %s", (kind) => {
  it.each(Object.entries(VISIBLE))("sees exactly its own rows of %s", async (table, counts) => {
    const count = await asKind(db, world, kind, (request) =>
      countTouched(request, `select id from app_public.${table}`),
    );
    expect(count).toBe(counts[kind]);
  });

  it.each(WRITES)("$title", async ({ sql, values, allowed }) => {
    const count = await asKind(db, world, kind, (request) => countTouched(request, sql, values(world)));
    expect(count).toBe(allowed.includes(kind) ? 1 : 0);
  });

  it.each(REFUSED)("denies %s", (sql) =>
    asKind(db, world, kind, (request) =>
      expect(request.attempt(sql)).rejects.toMatchObject({ code: "42501" }),
    ),
  );
});

describe("a superadmin", () => {
  it("writes no template of a tenant, not even as a member of none", () =>
    db.asUser(world.superadmin, (request) =>
      expect(
        request.rows("select app_public.save_session_template('Mine', 'x', $1, $2)", [
          world.own,
          world.here.clinic.id,
        ]),
      ).rejects.toMatchObject({ code: "42501" }),
    ));
});
