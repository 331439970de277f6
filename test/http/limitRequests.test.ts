import type { IncomingMessage } from "node:http";

import { describe, expect, it, jest } from "@jest/globals";
import type { Request, Response } from "express";

import { AppError } from "../../src/errors/AppError.ts";
import type { ErrorCode } from "../../src/errors/catalogue.ts";
import { makeLimitRequests } from "../../src/http/limitRequests.ts";
import { makeRequestContext, runInRequestContext } from "../../src/http/requestContext.ts";
import { makeFindPayers } from "../../src/limits/findPayers.ts";
import { RateLimiter } from "../../src/limits/RateLimiter.ts";

/** Whoever has no token is not looked for in the database. */
const noPool = {} as Parameters<typeof makeFindPayers>[0];
const request = {} as Request;

/** An address with one point, and what becomes of requests of it. */
function openShare() {
  const { chargeArrival, chargeRefusal, chargeStranger } = makeLimitRequests({
    limiter: new RateLimiter({ user: 0, organization: 0, address: 1 }),
    identities: new WeakMap(),
    clientAddress: (_request: IncomingMessage) => "192.0.2.1",
    findPayers: makeFindPayers(noPool),
  });
  const inContext = (task: () => unknown) =>
    runInRequestContext(makeRequestContext("r1"), async () => task());
  const refuse = async (code: ErrorCode) => {
    const next = jest.fn();
    await chargeRefusal(new AppError(code), request, {} as Response, next);
    return (next.mock.calls[0]?.[0] as AppError).code;
  };
  return { chargeArrival, chargeStranger, inContext, refuse };
}

const SPENT = { code: "TOO_MANY_REQUESTS" };

describe("a request that is refused for its token", () => {
  it.each<ErrorCode>(["UNAUTHENTICATED", "FORBIDDEN"])("costs its address a point: %s", async (code) => {
    const { inContext, refuse } = openShare();
    await expect(inContext(() => refuse(code))).resolves.toBe(code);
    await expect(inContext(() => refuse(code))).rejects.toMatchObject(SPENT);
  });

  it("costs none where it is refused for something else, or has paid when it came", async () => {
    const { chargeArrival, inContext, refuse } = openShare();
    for (const code of ["BAD_REQUEST", "UNAVAILABLE"] as const) {
      await expect(inContext(() => refuse(code))).resolves.toBe(code);
    }
    const paid = inContext(async () => {
      await chargeArrival(request, {} as Response, () => undefined);
      return refuse("UNAUTHENTICATED");
    });
    await expect(paid).resolves.toBe("UNAUTHENTICATED");
  });
});

describe("a stranger", () => {
  it("pays for what they did wrong or did not say, and not for a failure of ours", async () => {
    const { chargeStranger } = openShare();
    await chargeStranger(request, new AppError("UNAVAILABLE"));
    await chargeStranger(request, new TypeError("ours"));
    await chargeStranger(request, new AppError("BAD_REQUEST"));
    await expect(chargeStranger(request)).rejects.toMatchObject(SPENT);
  });
});
