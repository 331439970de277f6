import { once } from "node:events";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";
import { WebSocket } from "ws";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { useServeProcess } from "../support/useServeProcess.ts";
import { codeOf, RawSocket } from "./rawSocket.ts";

jest.setTimeout(60_000);

const ORIGIN = "https://app.example.com";
const db = useTestDatabase();
let world: World;
let authorization: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  authorization = `Bearer ${signToken(db.config.auth, world.here.provider)}`;
});

describe.each(["production", "development"])("websockets in %s", (mode) => {
  const server = useServeProcess(db, { NODE_ENV: mode, CORS_ORIGINS: ORIGIN });

  it("refuse a page of another origin with 403, and take one of a listed origin", async () => {
    for (const origin of ["https://evil.example", "null", `${ORIGIN}.evil.example`]) {
      const socket = new WebSocket(`${server.url.replace("http", "ws")}/graphql`, "graphql-transport-ws", {
        origin,
      });
      const [error] = await once(socket, "error");
      expect(String(error)).toContain("403");
    }
    const socket = await new RawSocket(server.url, { origin: ORIGIN }).open({ authorization });
    socket.close();
  });

  it("close when nobody says who is there, and after a message that is too large", async () => {
    const silent = new RawSocket(server.url);
    const loud = await new RawSocket(server.url).open({ authorization });
    loud.send("x".repeat(10_000_000));
    expect(await Promise.all([silent.closed, loud.closed])).toEqual([4408, 1009]);
  });

  it("run twenty operations at a time and no more", async () => {
    const socket = await new RawSocket(server.url).open({ authorization });
    const payload = {
      query: "subscription ($id: UUID!) { appointmentChanged(clinicId: $id) { operation } }",
      variables: { id: world.here.clinic.id },
    };
    for (let n = 0; n < 1000; n += 1) {
      socket.send({ type: "subscribe", id: String(n), payload });
    }
    const refused = () => socket.messages.filter(({ type }) => type === "error");
    // Answers come as they are ready, not in the order of the messages.
    await socket.until(() => refused().length >= 980);
    expect(refused()).toHaveLength(980);
    expect(new Set(refused().map(codeOf))).toEqual(new Set(["TOO_MANY_REQUESTS"]));
    socket.close();
  });

  it("hold operations to the limits that HTTP has", async () => {
    const socket = await new RawSocket(server.url).open({ authorization });
    const levels = `{patients{nodes{homeClinic${"{patients{nodes{homeClinic".repeat(3)}{rowId}${"}}}".repeat(3)}}}}`;
    expect(codeOf(await socket.ask({ query: levels }))).toBe("QUERY_TOO_COMPLEX");
    expect(codeOf(await socket.ask({ query: "{patients(first:1000000000){nodes{rowId}}}" }))).toBe(
      "BAD_USER_INPUT",
    );
    expect(codeOf(await socket.ask({ query: "{patients{" }))).toBe("BAD_QUERY");
    socket.close();
  });
});
