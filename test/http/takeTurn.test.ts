import { once } from "node:events";
import { createServer, get, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import type { Request, Response } from "express";

import { makeRequestContext, runInRequestContext } from "../../src/http/requestContext.ts";
import { makeTakeTurn } from "../../src/http/takeTurn.ts";

const endTurn = jest.fn();
const take = jest.fn(async () => endTurn);
const takeTurn = makeTakeTurn({ take } as unknown as Parameters<typeof makeTakeTurn>[0]);
const next = jest.fn();
let server = createServer();

/** A real answer, as a server has it, to a client that waits for it until it leaves. */
async function receive(): Promise<{ response: ServerResponse; leave: () => void }> {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  const listener: RequestListener = (_request, response) => resolve(response);
  server.once("request", listener);
  const { port } = server.address() as AddressInfo;
  const client = get({ port, host: "127.0.0.1" }).on("error", () => undefined);
  return { response: await promise, leave: () => client.destroy() };
}

const serve = (response: ServerResponse) =>
  runInRequestContext(makeRequestContext("r1"), () => takeTurn({} as Request, response as Response, next));

beforeEach(async () => {
  jest.clearAllMocks();
  server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

describe("the turn of a request", () => {
  it("ends with its answer, and not before", async () => {
    const { response } = await receive();
    await serve(response);
    expect([next.mock.calls.length, endTurn.mock.calls.length]).toEqual([1, 0]);
    response.end();
    await once(response, "close");
    expect(endTurn).toHaveBeenCalledTimes(1);
  });

  it("ends at once where the client has left before, and nothing is done for it", async () => {
    const { response, leave } = await receive();
    leave();
    await once(response, "close");
    await serve(response);
    expect([next.mock.calls.length, endTurn.mock.calls.length]).toEqual([0, 1]);
  });
});
