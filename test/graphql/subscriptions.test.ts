import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";
import { WebSocket } from "ws";

import type { Person } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { errorsOf, useSubscriber } from "./subscriber.ts";

const db = useTestDatabase();
const api = useGateway(db);
const subscriber = useSubscriber(db, api);
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const SUBSCRIBE = `subscription ($clinicId: UUID!) {
  appointmentChanged(clinicId: $clinicId) { operation appointmentId appointment { status kind } }
}`;

const subscribe = (connectionParams: Record<string, unknown>, clinicId: string) =>
  subscriber.subscribe(connectionParams, SUBSCRIBE, { clinicId });

const as = (person: Person, clinicId: string) => subscriber.as(person, SUBSCRIBE, { clinicId });

const touch = () =>
  db.superuser.query("update app_public.appointments set kind = 'control' where id = $1", [
    world.here.appointment.id,
  ]);

describe("appointmentChanged", () => {
  it("brings a clinic's people the appointment as it is now, then stops when the membership ends", async () => {
    const news = as(world.here.staff, world.here.clinic.id);
    const first = news.next();
    await subscriber.untilListening(`appointments:${world.here.clinic.id}`);
    await touch();
    expect((await first).value).toEqual({
      data: {
        appointmentChanged: {
          operation: "CHANGED",
          appointmentId: world.here.appointment.id,
          appointment: { status: "BOOKED", kind: "control" },
        },
      },
    });

    const ended = expect(news.next()).rejects.toMatchObject({ code: 4403 });
    await db.superuser.query("update app_public.clinic_memberships set active = false where user_id = $1", [
      world.here.staff.userId,
    ]);
    await touch();
    await ended;
  });

  it("denies a clinic of another organization with the same bytes as a random id", async () => {
    const foreign = await as(world.here.provider, world.abroad.clinic.id).next();
    const random = await as(world.here.provider, randomUUID()).next();
    expect(JSON.stringify(foreign)).toBe(JSON.stringify(random));
    expect(errorsOf(foreign)?.[0]?.extensions?.code).toBe("NOT_FOUND");
  });

  it("denies somebody without a token", async () => {
    const news = await subscribe({}, world.here.clinic.id).next();
    expect(errorsOf(news)?.[0]?.extensions?.code).toBe("UNAUTHENTICATED");
  });
});

describe("a websocket", () => {
  it.each([
    ["4401", { authorization: "Bearer x.y.z" }],
    ["4400", { authorization: ["Bearer a", "Bearer b"] }],
    ["4400", { "x-organization-id": "acme" }],
  ])("is closed with %s for %p", async (code, parameters) => {
    await expect(subscribe(parameters, world.here.clinic.id).next()).rejects.toMatchObject({
      code: Number(code),
    });
  });

  it("is closed when its token expires", async () => {
    const token = signToken(db.config.auth, world.here.provider, 1);
    const news = subscribe({ authorization: `Bearer ${token}` }, world.here.clinic.id);
    await expect(news.next()).rejects.toMatchObject({ code: 4401 });
  });

  it.each([
    ["from a page of another origin", "/graphql", "https://evil.example", 403],
    ["from a page without an origin of its own", "/graphql", "null", 403],
    ["at another address", "/nope", undefined, 404],
  ])("is refused %s", async (_what, path, origin, status) => {
    const socket = new WebSocket(`${api.url.replace("http", "ws")}${path}`, "graphql-transport-ws", {
      origin,
    });
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    socket.on("unexpected-response", (_request, response) => resolve(response.statusCode));
    socket.on("error", () => resolve(undefined));
    await expect(promise).resolves.toBe(status);
  });

  it("is closed when its messages are too large, or when none comes", async () => {
    const closed = async (send?: string) => {
      const socket = new WebSocket(`${api.url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
      const { promise, resolve } = Promise.withResolvers<number>();
      socket.on("open", () => send && socket.send(send));
      socket.on("close", resolve);
      return promise;
    };
    await expect(closed("x".repeat(200_000))).resolves.toBe(1009);
    await expect(closed()).resolves.toBe(4408);
  });
});
