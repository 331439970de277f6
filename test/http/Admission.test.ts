import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { Admission } from "../../src/http/Admission.ts";

describe("admission to a server with one place", () => {
  let admission: Admission;
  let server: Server;
  let url: string;
  let waiting: PromiseWithResolvers<ServerResponse>;

  beforeEach(async () => {
    admission = new Admission(1);
    waiting = Promise.withResolvers();
    const listener = admission.guard((request, response) => {
      if (request.url === "/slow") {
        waiting.resolve(response);
      } else {
        response.end("served");
      }
    });
    server = createServer(listener).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });

  it("is denied while somebody has the place, with 503 and Retry-After", async () => {
    const slow = fetch(`${url}/slow`);
    const response = await waiting.promise;
    const refused = await fetch(url);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    response.end("at last");
    expect(await (await slow).text()).toBe("at last");
  });

  it("can be had when who has the place only waits to be refused, who gives it back once", async () => {
    const slow = fetch(`${url}/slow`);
    const response = await waiting.promise;
    admission.leave(response);
    admission.leave(response);
    expect(admission.inside).toBe(0);
    expect(await (await fetch(url)).text()).toBe("served");
    response.end("refused");
    await slow;
    expect(await (await fetch(url)).text()).toBe("served");
    expect(admission.inside).toBe(0);
  });
});
