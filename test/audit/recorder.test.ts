import { randomUUID } from "node:crypto";

import { afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { pino } from "pino";
import { Registry } from "prom-client";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { makeEventRecorder } from "../../src/audit/eventRecorder.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
let world: World;
beforeAll(async () => {
  world = await createWorld(db.superuser);
});
const api = useGateway(db);

const READ = "{ patients(first: 1) { nodes { givenName } } }";
const FOREIGN_CHANGE = () =>
  `mutation { updatePatient(input: { id: "${btoa(JSON.stringify(["Patient", world.abroad.patient.id]))}", patch: { phone: "111" } }) { clientMutationId } }`;

const allow = (verb: "grant" | "revoke") =>
  db.superuser.query(
    `${verb} execute on function app_hidden.record_events(jsonb) ${verb === "grant" ? "to" : "from"} app_recorder`,
  );
const metric = async (labels: string) => {
  const text = await (await fetch(`${api.gateway.adminUrl}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`bailiwick_audit_events_total{${labels}}`));
  return Number(line?.split(" ")[1] ?? 0);
};

describe("when a read cannot be put on record", () => {
  beforeAll(() => allow("revoke"));
  afterEach(() => allow("revoke"));

  it("its answer is withheld, and others are given", async () => {
    const { status, data, errors, text } = await api.query(world.here.provider, READ);
    expect({ status, data, code: errors?.[0]?.extensions?.code }).toEqual({
      status: 503,
      data: undefined,
      code: "UNAVAILABLE",
    });
    expect(text).not.toMatch(/Given|record_events|app_recorder/);
    const other = await api.query(world.here.provider, "{ clinics { totalCount } }");
    expect(other).toMatchObject({ status: 200, errors: undefined });
    expect(await metric('kind="read",result="lost"')).toBe(1);
  });

  it("a refusal is answered all the same, and its loss is counted", async () => {
    const { errors } = await api.query(world.here.provider, FOREIGN_CHANGE());
    expect(errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
    expect(await metric('kind="refusal",result="lost"')).toBe(1);
  });

  it("answers are given again as soon as it can", async () => {
    await allow("grant");
    expect(await api.query(world.here.provider, READ)).toMatchObject({ status: 200, errors: undefined });
  });
});

describe("requests that end together", () => {
  beforeAll(() => allow("grant"));

  const committed = async (requestIds: readonly (string | null)[]) => {
    const { rows } = await db.superuser.query<{ events: number; commits: number }>(
      `select count(*)::int as events, count(distinct transaction_id)::int as commits
       from app_audit.events where request_id = any ($1) and command = 'SELECT'`,
      [requestIds],
    );
    return rows[0];
  };

  it("each have their event", async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => api.query(world.here.provider, READ)));
    expect((await committed(answers.map(({ headers }) => headers.get("x-request-id"))))?.events).toBe(40);
  });

  it("share commits: while one is under way, all others wait for the next", async () => {
    const recorder = makeEventRecorder(
      db.urls.recorder,
      { registry: new Registry() },
      pino({ level: "silent" }),
    );
    const requestIds = Array.from({ length: 40 }, () => randomUUID());
    try {
      await Promise.all(
        requestIds.map((requestId) =>
          recorder.record([
            {
              settings: { "jwt.claims.sub": world.here.provider.userId, "app.request_id": requestId },
              organizationId: world.own,
              tableName: "app_public.patients",
              fields: ["app_public.patients.given_name"],
              patientIds: [world.here.patient.id],
              rowCount: 1,
            },
          ]),
        ),
      );
    } finally {
      await recorder.close();
    }
    expect(await committed(requestIds)).toEqual({ events: 40, commits: 3 });
  });
});

describe("app_recorder", () => {
  it.each([
    "select from app_audit.events",
    "insert into app_audit.events (actor_role, command, table_name, row_id, changed_fields) values ('x', 'INSERT', 'x', gen_random_uuid(), '{}')",
    "select from app_public.patients",
    "select app_hidden.current_user_id()",
    "set role app_user",
  ])("denies itself: %s", async (sql) => {
    const { Client } = (await import("pg")).default;
    const client = new Client({ connectionString: db.urls.recorder });
    await client.connect();
    try {
      await expect(client.query(sql)).rejects.toMatchObject({ code: "42501" });
    } finally {
      await client.end();
    }
  });

  it("has its function, and no other role of a process or a request has it", async () => {
    await allow("grant");
    const roles = [
      "app_recorder",
      "app_authenticator",
      "app_user",
      "app_anonymous",
      "app_worker",
      "app_sealer",
    ];
    const { rows } = await db.superuser.query<{ role: string }>(
      `select role from unnest($1::text[]) as role
       where has_function_privilege(role, 'app_hidden.record_events(jsonb)', 'execute')`,
      [roles],
    );
    expect(rows).toEqual([{ role: "app_recorder" }]);
  });
});
