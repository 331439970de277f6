import { beforeAll, describe, expect, it } from "@jest/globals";

import { createSession } from "../../src/access/world/people.ts";
import { DEMO_PEOPLE, type DemoPersonName, demoUserId } from "../../src/seed/demoPeople.ts";
import { seedDatabase } from "../../src/seed/seedDatabase.ts";
import { type Actor, useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { useIssuer } from "../support/issuer.ts";

const partner = useIssuer("oidc", "https://partner.example");
const db = useTestDatabase();
const gateway = useGateway(db, {
  configure: (config) => ({ ...config, auth: { ...db.config.auth, outside: [partner.config({})] } }),
});

const ask = (person: string, resource: string, id: string, command = "SELECT") => `mutation {
  explainAccess(input: {
    personId: "${person}", resourceType: "${resource}", resourceId: "${id}", command: ${command}
  }) { result { allowed because grants policies } }
}`;

type Person = DemoPersonName;
const actors = new Map<Person, Actor>();
let patientId: string;
let rivalPatientId: string;

const actor = (name: Person) => actors.get(name) as Actor;

beforeAll(async () => {
  await seedDatabase(db);
  for (const name of Object.keys(DEMO_PEOPLE) as Person[]) {
    const userId = demoUserId(name);
    actors.set(name, { userId, sessionId: await createSession(db.superuser, userId) });
  }
  const patientsOf = async (clinic: string) =>
    (
      await db.superuser.query<{ id: string }>(
        "select p.id from app_public.patients p join app_public.clinics c on c.id = p.home_clinic_id where c.name ~ $1 and not exists (select from app_public.patient_clinic_links l where l.patient_id = p.id)",
        [clinic],
      )
    ).rows[0]?.id ?? "";
  patientId = await patientsOf("Riverside");
  rivalPatientId = await patientsOf("^(?!Acme)");
});

const answerOf = async (asker: Person | null, query: string) => {
  const { data, errors } = await gateway.query(asker && actor(asker), query);
  return { explanation: data?.explainAccess?.result, code: errors?.[0]?.extensions?.code };
};

describe("explainAccess", () => {
  it("tells an owner what a member may do with a row that the owner cannot see, and nothing of the row", async () => {
    const carol = await answerOf("alice", ask(actor("carol").userId, "patients", patientId, "UPDATE"));
    expect(carol.explanation).toMatchObject({
      allowed: true,
      because: expect.stringContaining("update_staff"),
    });
    const erin = await answerOf("alice", ask(actor("erin").userId, "patients", patientId));
    expect(erin.explanation).toMatchObject({
      allowed: false,
      because: expect.stringContaining("select_clinic"),
    });
    const { rows } = await db.superuser.query("select * from app_public.patients where id = $1", [patientId]);
    const content = [rows[0].family_name, rows[0].mrn, rows[0].given_name];
    for (const word of content) {
      expect(JSON.stringify([carol, erin])).not.toContain(word);
    }
  });

  it("tells the same to an owner who comes from an outside issuer", async () => {
    await db.superuser.query(
      "insert into app_private.user_identities (issuer, subject, user_id) values ($1, 'alice', $2)",
      [partner.issuer, actor("alice").userId],
    );
    const headers = { authorization: `Bearer ${partner.sign({ sub: "alice" })}` };
    for (const name of ["carol", "erin"] as const) {
      const query = ask(actor(name).userId, "patients", patientId);
      const { data } = await gateway.query(null, query, { headers });
      const { explanation } = await answerOf("alice", query);
      expect(explanation.allowed).toBe(name === "carol");
      expect(data.explainAccess.result).toEqual(explanation);
    }
    const { userId } = actor("dan");
    await db.superuser.query("update app_public.users set deleted_at = now() where id = $1", [userId]);
    const { data } = await gateway.query(null, ask(userId, "patients", patientId), { headers });
    await db.superuser.query("update app_public.users set deleted_at = null where id = $1", [userId]);
    expect(data.explainAccess.result).toMatchObject({ because: "the person’s account is closed" });
  });

  it("is on record about the row and the person", async () => {
    await answerOf("alice", ask(actor("dan").userId, "patients", patientId));
    const { rows } = await db.superuser.query(
      `select table_name, row_id from app_audit.events
       where command = 'EXPLAIN' and actor_id = $1`,
      [actor("alice").userId],
    );
    expect(rows).toContainEqual({ table_name: "app_public.patients", row_id: patientId });
    expect(rows).toContainEqual({ table_name: "app_public.users", row_id: actor("dan").userId });
  });

  it("leaves the caller who they were", async () => {
    await db.asUser(actor("alice"), async (request) => {
      await request.rows("select app_hidden.explain_access($1, 'patients', $2, 'select')", [
        actor("carol").userId,
        patientId,
      ]);
      expect(await request.value("select auth.uid()")).toBe(actor("alice").userId);
      expect(await request.value("select app_hidden.current_session_id()")).toBe(actor("alice").sessionId);
    });
  });

  it("answers about another organization's row as about none, for everybody who is no administrator too", async () => {
    const none = await answerOf("alice", ask(actor("dan").userId, "patients", actor("dan").userId));
    expect(none.code).toBe("NOT_FOUND");
    expect(await answerOf("alice", ask(actor("dan").userId, "patients", rivalPatientId))).toEqual(none);
    for (const asker of ["bob", "carol", "dan", "erin", "pat", "admin"] as const) {
      expect(await answerOf(asker, ask(actor("dan").userId, "patients", patientId))).toEqual(none);
    }
    expect(await answerOf(null, ask(actor("dan").userId, "patients", patientId))).toMatchObject({
      explanation: undefined,
      code: "UNAUTHENTICATED",
    });
  });

  it("knows no table outside of the tenants'", async () => {
    for (const table of [
      "users",
      "profiles",
      "device_keys",
      "events",
      "metric_definitions",
      "x; drop",
      "pg_class",
    ]) {
      const { code } = await answerOf("alice", ask(actor("dan").userId, table, actor("alice").userId));
      expect([table, code]).toEqual([table, "NOT_FOUND"]);
    }
  });

  it("shows nothing about people who are no members, or patients besides", async () => {
    for (const name of ["bob", "pat", "admin"] as const) {
      const { code } = await answerOf("alice", ask(actor(name).userId, "patients", patientId));
      expect([name, code]).toEqual([name, "NOT_FOUND"]);
    }
    await db.inTransaction(async (client) => {
      await client.query("update app_public.patients set portal_user_id = $1 where id = $2", [
        actor("dan").userId,
        patientId,
      ]);
      await client.query(
        "select set_config('jwt.claims.sub', $1, true), set_config('role', 'app_user', true)",
        [actor("alice").userId],
      );
      await expect(
        client.query("select app_hidden.explain_access($1, 'patients', $2, 'select')", [
          actor("dan").userId,
          patientId,
        ]),
      ).rejects.toMatchObject({ code: "NTFND" });
    });
  });

  it("cannot be had in parts: a request may call neither the reader nor the judge", async () => {
    const calls = [
      `select app_hidden.explained_row('app_public.patients', '${patientId}')`,
      `select app_hidden.is_explained_member('${demoUserId("dan")}', '${demoUserId("dan")}')`,
      `select app_hidden.judge_access('${demoUserId("carol")}', 'app_public.patients', '{}', 'select')`,
      `select app_hidden.record_explanation('${patientId}', 'app_public.patients', '${patientId}', '${patientId}')`,
      "set role app_access_reader",
      "set role app_access_judge",
    ];
    await db.asUser(actor("alice"), async (request) => {
      for (const call of calls) {
        await expect(request.attempt(call)).rejects.toMatchObject({ code: "42501" });
      }
    });
  });
});
