import { execFileSync } from "node:child_process";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createNotification } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { loginUrl } from "../../src/database/databaseUrls.ts";
import { type News, useSubscriber } from "../graphql/subscriber.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { findPgBouncers, type PgBouncer, startPgBouncer } from "../support/startPgBouncer.ts";

jest.setTimeout(120_000);

const REQUESTS = 600;
const AT_A_TIME = 24;
const NAMES_STATEMENTS = [1, 21];
const NOTIFICATIONS = "subscription { notificationReceived { notification { kind } } }";

const BACKWARDS = `mutation { bookAppointment(input: { patientId: "00000000-0000-4000-8000-000000000000",
  startsAt: "2031-01-01T10:00:00Z", endsAt: "2031-01-01T09:00:00Z" }) { result { id } } }`;

const poolers = findPgBouncers().map((program) => {
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(String(execFileSync(program, ["--version"]))) ?? [];
  const [least = 0, leastMinor = 0] = NAMES_STATEMENTS;
  const prepares = Number(major) > least || (Number(major) === least && Number(minor) >= leastMinor);
  return { program, version: `${major}.${minor}`, prepared: prepares ? 100 : 0 };
});

if (poolers.length === 0) {
  it.skip("no PgBouncer is here: install one, or run sh scripts/fetchPgBouncer.sh", () => undefined);
}

// Not `describe.each`, which wants one at least.
poolers.forEach(({ version, ...pooler }) =>
  describe(`through PgBouncer ${version} in transaction mode`, () => testPooler(pooler)),
);

function testPooler({ program, prepared }: { program: string; prepared: number }): void {
  const db = useTestDatabase();
  let pooler: PgBouncer;
  const recorderUrl = () => loginUrl(db.config.database, db.urls.gateway, "app_recorder");
  const api = useGateway(db, {
    async prepare() {
      pooler = await startPgBouncer(program, [db.urls.gateway, recorderUrl()], prepared);
      return pooler.urlOf(db.urls.gateway);
    },
    configure: (config) => ({
      ...config,
      database: {
        ...config.database,
        listenUrl: db.urls.gateway,
        recorderUrl: pooler.urlOf(recorderUrl()),
        preparedStatements: prepared,
        gatewayPoolWait: 30_000,
      },
    }),
  });
  db.beforeDrop(async () => pooler?.stop());
  const subscriber = useSubscriber(db, api);
  let world: World;
  beforeAll(async () => {
    world = await createWorld(db.superuser);
  });

  it("shows people who share two connections nothing of each other's, with errors in between", async () => {
    const people = [world.here, world.there, world.abroad].map(({ provider }) => provider);
    const read = "{ patients { nodes { rowId } } }";
    const seenBy = async (index: number) => {
      const { data } = await api.query(people[index % people.length] ?? null, read);
      return JSON.stringify(data?.patients?.nodes.map(({ rowId }: { rowId: string }) => rowId).toSorted());
    };
    const expected = [await seenBy(0), await seenBy(1), await seenBy(2)];
    expect(new Set(expected).size).toBe(3);
    const wrong: string[] = [];
    let next = 0;
    const ask = async () => {
      while (next < REQUESTS) {
        const index = next++;
        if (index % 7 === 6) {
          await api.query(people[index % 3] ?? null, BACKWARDS);
        } else {
          const seen = await seenBy(index);
          if (seen !== expected[index % 3]) {
            wrong.push(`${index}: ${seen}`);
          }
        }
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, ask));
    expect(wrong).toEqual([]);
  });

  it("changes rows, in one transaction where a key asks for it", async () => {
    const { provider, patient } = world.here;
    const id = Buffer.from(JSON.stringify(["Patient", patient.id])).toString("base64");
    const change = (city: string, headers = {}) =>
      api.query(
        provider,
        `mutation { updatePatient(input: { id: "${id}", patch: { city: "${city}" } }) { patient { city } } }`,
        { headers },
      );
    expect((await change("Bath")).data?.updatePatient.patient.city).toBe("Bath");
    const headers = { "idempotency-key": "a-key-of-this-test" };
    expect((await change("Rye", headers)).data?.updatePatient.patient.city).toBe("Rye");
    expect((await change("Rye", headers)).headers.get("idempotent-replayed")).toBe("true");
  });

  it("brings live updates, over the connection that goes past it", async () => {
    const { provider, clinic } = world.here;
    const news = subscriber.as(provider, NOTIFICATIONS);
    const first = news.next();
    await subscriber.untilListening(`notifications:${provider.userId}`);
    await createNotification(db.superuser, provider, clinic.organizationId);
    expect(((await first).value as News).data?.notificationReceived).toHaveProperty("notification.kind");
  });

  it("puts what was read on record, and is ready", async () => {
    const { rows } = await db.superuser.query(
      "select from app_audit.events where command = 'SELECT' limit 1",
    );
    expect(rows).toHaveLength(1);
    expect((await fetch(`${api.gateway.adminUrl}/ready`)).status).toBe(200);
  });
}
