import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createCareSession, createNotification, type Person } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { errorsOf, type News, useSubscriber } from "./subscriber.ts";

const db = useTestDatabase();
const api = useGateway(db);
const subscriber = useSubscriber(db, api);
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const CARE_SESSIONS = `subscription ($clinicId: UUID!) {
  careSessionChanged(clinicId: $clinicId) { operation careSessionId careSession { status } }
}`;
const EXPORTS = `subscription {
  exportRequestChanged { operation exportRequestId exportRequest { status } }
}`;
const NOTIFICATIONS = `subscription {
  notificationReceived { operation notificationId notification { kind } }
}`;

/** The next piece of news, once something has happened on the channel. */
async function newsAfter(
  person: Person,
  [query, variables]: [string, Record<string, unknown>?],
  channel: string,
  happen: () => Promise<unknown>,
): Promise<unknown> {
  const news = subscriber.as(person, query, variables);
  const first = news.next();
  await subscriber.untilListening(channel);
  await happen();
  return ((await first).value as News).data;
}

/** Reads on for as long as the news hold no data: what happens while a session is closed may be told as an error. */
async function untilData(news: AsyncIterator<unknown>): Promise<Record<string, unknown>> {
  const { data } = (await news.next()).value as News;
  const held = Object.values(data ?? {}).some((value) => value !== null);
  return data && held ? data : untilData(news);
}

const createExport = async (person: Person): Promise<string> => {
  const { id: clinicId, organizationId } = world.here.clinic;
  const { rows } = await db.superuser.query<{ id: string }>(
    `insert into app_public.export_requests (organization_id, clinic_id, kind, format, created_by, expires_at)
     values ($1, $2, 'appointments', 'csv', $3, now() + interval '1 hour') returning id`,
    [organizationId, clinicId, person.userId],
  );
  return rows[0]?.id ?? "";
};

describe("careSessionChanged", () => {
  const subscription = (clinicId: string): [string, Record<string, unknown>] => [CARE_SESSIONS, { clinicId }];

  it("brings a session that was created, one that was changed, and the id of one that was removed", async () => {
    const { clinic, staff, appointment } = world.here;
    const news = subscriber.as(staff, ...subscription(clinic.id));
    const first = news.next();
    await subscriber.untilListening(`care_sessions:${clinic.id}`);
    const careSessionId = await createCareSession(db.superuser, appointment);
    await db.superuser.query("update app_public.care_sessions set kind = 'review' where id = $1", [
      careSessionId,
    ]);
    await db.superuser.query("delete from app_public.care_sessions where id = $1", [careSessionId]);
    const changes = [await first, await news.next(), await news.next()].map(
      ({ value }) => (value as News).data?.careSessionChanged as Record<string, unknown>,
    );
    expect(changes.map(({ operation }) => operation)).toEqual(["CREATED", "CHANGED", "REMOVED"]);
    expect(new Set(changes.map((change) => change.careSessionId))).toEqual(new Set([careSessionId]));
    expect(changes[2]?.careSession).toBeNull();
  });

  it("tells of every row of one statement", async () => {
    const { clinic, staff, appointment } = world.there;
    const ids = [world.there.careSessionId, await createCareSession(db.superuser, appointment)];
    const news = subscriber.as(staff, ...subscription(clinic.id));
    const first = news.next();
    await subscriber.untilListening(`care_sessions:${clinic.id}`);
    await db.superuser.query("update app_public.care_sessions set kind = 'review' where clinic_id = $1", [
      clinic.id,
    ]);
    const told = [await first, await news.next()].map(
      ({ value }) => ((value as News).data?.careSessionChanged as Record<string, unknown>).careSessionId,
    );
    expect(told.sort()).toEqual(ids.sort());
  });

  it.each(["own other clinic", "other organization", "superadmin without a purpose"])(
    "denies %s with the same bytes as a random id",
    async (kind) => {
      const person = kind.startsWith("superadmin") ? world.superadmin : world.there.provider;
      const clinicId = kind.startsWith("other") ? world.abroad.clinic.id : world.here.clinic.id;
      const foreign = await subscriber.as(person, ...subscription(clinicId)).next();
      const random = await subscriber.as(person, ...subscription(randomUUID())).next();
      expect(JSON.stringify(foreign)).toBe(JSON.stringify(random));
      expect(errorsOf(foreign)?.[0]?.extensions?.code).toBe("NOT_FOUND");
    },
  );
});

describe("exportRequestChanged", () => {
  it("brings a person the status of what they asked for, and nothing of a colleague's", async () => {
    const { provider, clinicAdmin } = world.here;
    const id = await createExport(provider);
    const colleagues = await createExport(clinicAdmin);
    const data = await newsAfter(provider, [EXPORTS], `export_requests:${provider.userId}`, async () => {
      for (const changed of [colleagues, id]) {
        await db.superuser.query("update app_public.export_requests set status = 'cancelled' where id = $1", [
          changed,
        ]);
      }
    });
    expect(data).toEqual({
      exportRequestChanged: {
        operation: "CHANGED",
        exportRequestId: id,
        exportRequest: { status: "CANCELLED" },
      },
    });
  });
});

describe("notificationReceived", () => {
  it("brings a person what is for them", async () => {
    const { provider, staff } = world.here;
    let id = "";
    const data = await newsAfter(provider, [NOTIFICATIONS], `notifications:${provider.userId}`, async () => {
      await createNotification(db.superuser, staff, world.own);
      id = await createNotification(db.superuser, provider, world.own);
    });
    expect(data).toEqual({
      notificationReceived: {
        operation: "CREATED",
        notificationId: id,
        notification: { kind: "appointment" },
      },
    });
  });

  it.each([NOTIFICATIONS, EXPORTS])("denies somebody without a token: %s", async (query) => {
    const news = await subscriber.subscribe({}, query).next();
    expect(errorsOf(news)?.[0]?.extensions?.code).toBe("UNAUTHENTICATED");
  });

  it("ends with its websocket when the session is revoked", async () => {
    const { staff } = world.there;
    const news = subscriber.as(staff, NOTIFICATIONS);
    const ended = expect(untilData(news)).rejects.toMatchObject({ code: 4401 });
    await subscriber.untilListening(`notifications:${staff.userId}`);
    await db.superuser.query(
      "update app_private.auth_sessions set revoked_at = now(), revoked_reason = 'test' where id = $1",
      [staff.sessionId],
    );
    await createNotification(db.superuser, staff, world.own);
    await ended;
  });
});

describe("the announcement of a statement", () => {
  it("is one for a clinic, with ids only", async () => {
    const payloads: string[] = [];
    const listener = await db.superuser.connect();
    try {
      listener.on("notification", ({ payload = "" }) => payloads.push(payload));
      await listener.query(`listen "appointments:${world.here.clinic.id}"`);
      await db.superuser.query(
        "update app_public.appointments set reason = 'A secret' where clinic_id = $1",
        [world.here.clinic.id],
      );
      await listener.query("select 1");
    } finally {
      await listener.query("unlisten *");
      listener.release();
    }
    expect(payloads.map((payload) => JSON.parse(payload))).toEqual([
      { operation: "update", ids: [world.here.appointment.id] },
    ]);
  });

  it("is spread over several when its ids do not fit into one", async () => {
    const { staff } = world.abroad;
    const payloads: string[] = [];
    const listener = await db.superuser.connect();
    try {
      listener.on("notification", ({ payload = "" }) => payloads.push(payload));
      await listener.query(`listen "notifications:${staff.userId}"`);
      await db.superuser.query(
        `insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
         select $1, $2, 'many', 'appointments', gen_random_uuid(), 'many-' || n from generate_series(1, 400) n`,
        [world.foreign, staff.userId],
      );
      await listener.query("select 1");
    } finally {
      await listener.query("unlisten *");
      listener.release();
    }
    const ids = payloads.map((payload) => (JSON.parse(payload) as { ids: string[] }).ids);
    expect(ids.map(({ length }) => length)).toEqual([150, 150, 100]);
    expect(new Set(ids.flat()).size).toBe(400);
  });
});
