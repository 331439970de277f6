import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../src/access/world/people.ts";
import { RawSocket } from "../http/rawSocket.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let person: Person;

beforeAll(async () => {
  person = await createPerson(db.superuser);
});

describe("a client that names a version of the API", () => {
  const ask = (headers: Record<string, string>) => api.query(person, "{ viewer { rowId } }", { headers });

  it("is served in it, and so is one that names none; the answer says which it is", async () => {
    for (const headers of [{}, { "X-API-Version": "1" }] as Record<string, string>[]) {
      const answer = await ask(headers);
      expect([answer.status, answer.headers.get("x-api-version")]).toEqual([200, "1"]);
      expect(answer.data.viewer.rowId).toBe(person.userId);
    }
  });

  it.each(["2", "0", "1.0", "1, 2", "latest"])("is denied one that is not spoken: %s", async (version) => {
    const { status, errors, data, headers } = await ask({ "X-API-Version": version });
    expect([status, errors?.[0]?.extensions?.code]).toEqual([406, "NOT_ACCEPTABLE"]);
    expect(errors?.[0]?.message).toBe("This server speaks version 1 of the API.");
    expect([data, headers.get("x-api-version")]).toEqual([undefined, "1"]);
  });

  it("is held to it on a websocket as well", async () => {
    const authorization = `Bearer ${api.tokenOf(person)}`;
    const socket = await new RawSocket(api.url).open({ authorization, "X-API-Version": "1" });
    socket.close();
    const refused = new RawSocket(api.url);
    await refused.introduce({ authorization, "X-API-Version": "2" });
    expect(await refused.closed).toBe(4400);
  });
});
