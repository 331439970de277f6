import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
let world: World;
beforeAll(async () => {
  world = await createWorld(db.superuser);
});
const api = useGateway(db);

interface Read {
  command: string;
  organization_id: string | null;
  actor_id: string | null;
  patient_ids: string[];
  changed_fields: string[];
  [column: string]: unknown;
}

/** The events of one request, by its id, that are no changes. */
async function eventsOf(requestId: string | null): Promise<Read[]> {
  const { rows } = await db.superuser.query<Read>(
    "select * from app_audit.events where request_id = $1 and command in ('SELECT', 'ATTEMPT') order by id",
    [requestId],
  );
  return rows;
}

const ask = async (actor: Parameters<typeof api.query>[0], query: string, request = {}) => {
  const answer = await api.query(actor, query, request);
  return { ...answer, events: await eventsOf(answer.headers.get("x-request-id")) };
};

const nodeId = (type: string, id: string) => btoa(JSON.stringify([type, id]));

describe("a request that reads patients", () => {
  it("leaves one event: who, which patients, which columns, how and how many", async () => {
    const { here } = world;
    const { events, data } = await ask(
      here.provider,
      "query People { patients(first: 10) { nodes { rowId givenName fullName } } }",
      { headers: { "X-Purpose-Of-Use": "treatment" } },
    );
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      organization_id: world.own,
      actor_id: here.provider.userId,
      session_id: here.provider.sessionId,
      command: "SELECT",
      outcome: "ok",
      table_name: "app_public.patients",
      changed_fields: ["app_public.patients.full_name", "app_public.patients.given_name"],
      purpose_of_use: "treatment",
      operation: "People",
      row_count: data.patients.nodes.length,
      document_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      address_hash: expect.stringMatching(/^[0-9a-f]{32}$/),
      device_hash: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect([...(events[0]?.patient_ids ?? [])].sort()).toEqual(
      data.patients.nodes.map(({ rowId }: { rowId: string }) => rowId).sort(),
    );
  });

  it("leaves none when it names no patient data", async () => {
    const { events, errors } = await ask(
      world.here.provider,
      "{ patients { nodes { rowId createdAt } } clinics { totalCount } }",
    );
    expect(errors).toBeUndefined();
    expect(events).toEqual([]);
  });
});

describe("the record of a request", () => {
  it("is of what it asks by, too: a filter, an order, an aggregate, in the text or in variables", async () => {
    const { provider } = world.here;
    const reached = async (query: string, variables = {}) => {
      const { events, errors } = await ask(provider, query, { variables });
      expect(errors).toBeUndefined();
      expect(events).toHaveLength(1);
      return events[0]?.changed_fields;
    };
    const name = ["app_public.patients.family_name"];
    expect(await reached('{ patients(filter: { familyName: { equalTo: "X" } }) { totalCount } }')).toEqual(
      name,
    );
    expect(
      await reached("query ($filter: PatientFilter) { patients(filter: $filter) { totalCount } }", {
        filter: { familyName: { equalTo: "X" } },
      }),
    ).toEqual(name);
    expect(await reached("{ patients(orderBy: [FAMILY_NAME_ASC]) { nodes { rowId } } }")).toEqual(name);
    expect(
      await reached("query ($by: [PatientOrderBy!]) { patients(orderBy: $by) { nodes { rowId } } }", {
        by: ["FAMILY_NAME_DESC"],
      }),
    ).toEqual(name);
    expect(await reached("{ patients { aggregates { distinctCount { familyName } } } }")).toEqual(name);
    expect(await reached("{ patients { groupedAggregates(groupBy: [GIVEN_NAME]) { keys } } }")).toEqual([
      "app_public.patients.given_name",
    ]);
  });

  it("is one for each organization whose patients it read", async () => {
    const { here, abroad } = world;
    const both = here.provider;
    await db.superuser.query(
      `insert into app_public.organization_memberships (organization_id, user_id, role) values ($1, $2, 'member')`,
      [world.foreign, both.userId],
    );
    await db.superuser.query(
      `insert into app_public.clinic_memberships (organization_id, clinic_id, user_id, role, display_name) values ($1, $2, $3, 'provider', 'P')`,
      [world.foreign, abroad.clinic.id, both.userId],
    );
    const { events } = await ask(both, "{ patients { nodes { givenName } } }");
    expect(events.map((event) => event.organization_id).sort()).toEqual([world.own, world.foreign].sort());
    const foreign = events.find((event) => event.organization_id === world.foreign);
    expect(foreign?.patient_ids).toEqual([abroad.patient.id]);
    await db.superuser.query(
      "delete from app_public.clinic_memberships where clinic_id = $1 and user_id = $2",
      [abroad.clinic.id, both.userId],
    );
    await db.superuser.query(
      "delete from app_public.organization_memberships where organization_id = $1 and user_id = $2",
      [world.foreign, both.userId],
    );
  });

  it("names the patient of a change's answer, and the emergency access under which somebody reads", async () => {
    const { provider } = world.here;
    const { id } = world.there.patient;
    const { rows } = await db.superuser.query<{ mrn: string }>(
      "select mrn from app_public.patients where id = $1",
      [id],
    );
    const grant = await ask(
      provider,
      `mutation { breakGlass(input: { mrn: "${rows[0]?.mrn}", reason: "Unconscious on arrival" }) { result { rowId patientId } } }`,
    );
    expect(grant.errors).toBeUndefined();
    expect(grant.events).toMatchObject([{ patient_ids: [id] }]);
    const read = await ask(
      provider,
      `{ patients(filter: { rowId: { equalTo: "${id}" } }) { nodes { givenName } } }`,
    );
    expect(read.events).toMatchObject([{ grant_id: grant.data.breakGlass.result.rowId, patient_ids: [id] }]);
  });

  it("is there of who looks at the audit", async () => {
    const { events, errors } = await ask(
      world.owner,
      "{ auditLogs(first: 3) { nodes { action resourceId } } }",
    );
    expect(errors).toBeUndefined();
    expect(events).toMatchObject([
      { table_name: "app_public.audit_logs", actor_id: world.owner.userId, patient_ids: [], row_count: 3 },
    ]);
  });

  it("is there of who only orders or groups the audit, by whatever the schema offers for that", async () => {
    const { data } = await api.query(
      world.owner,
      `{ orders: __type(name: "AuditLogOrderBy") { enumValues { name } }
         groups: __type(name: "AuditLogGroupBy") { enumValues { name } } }`,
    );
    const names = ({ enumValues }: { enumValues: { name: string }[] }) => enumValues.map(({ name }) => name);
    const groups = names(data.groups);
    expect(groups).toContain("CREATED_AT_TRUNCATED_TO_DAY");
    const queries = [
      ...groups.map((name) => [name, `{ auditLogs { groupedAggregates(groupBy: [${name}]) { keys } } }`]),
      ...names(data.orders)
        .filter((name) => !/^(NATURAL|PRIMARY_KEY_)/.test(name))
        .map((name) => [name, `{ auditLogs(orderBy: [${name}], first: 1) { pageInfo { hasNextPage } } }`]),
    ];
    for (const [name = "", query = ""] of queries) {
      const { events, errors } = await ask(world.owner, query);
      expect(errors).toBeUndefined();
      const column = name.toLowerCase().replace(/_(asc|desc|truncated_to_\w+)$/, "");
      expect([name, events.map((event) => event.changed_fields)]).toEqual([
        name,
        [[`app_public.audit_logs.${column}`]],
      ]);
    }
  });
});

describe("a refused attempt", () => {
  it("is on record although what it attempted was rolled back", async () => {
    const { events, errors } = await ask(
      world.here.provider,
      `mutation Steal { updatePatient(input: { id: "${nodeId("Patient", world.abroad.patient.id)}", patch: { phone: "111" } }) { patient { rowId } } }`,
    );
    expect(errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
    expect(events).toMatchObject([
      {
        command: "ATTEMPT",
        outcome: "denied",
        error_code: "NOT_FOUND",
        actor_id: world.here.provider.userId,
        organization_id: world.own,
        operation: "Steal",
        changed_fields: ["updatePatient"],
      },
    ]);
  });

  it("of somebody who is not signed in belongs to nobody, and to no organization that they only name", async () => {
    const { events } = await ask(null, "mutation { logOut(input: {}) { clientMutationId } }", {
      headers: { "X-Organization-Id": world.own },
    });
    expect(events).toMatchObject([
      { command: "ATTEMPT", actor_id: null, actor_role: "app_anonymous", organization_id: null },
    ]);
  });

  it("is none when a query finds nothing", async () => {
    const { events } = await ask(
      world.here.provider,
      `{ patientByRowId(rowId: "${world.abroad.patient.id}") { rowId } }`,
    );
    expect(events).toEqual([]);
  });
});
