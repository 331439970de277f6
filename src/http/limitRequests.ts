import type { IncomingMessage } from "node:http";

import type { ErrorRequestHandler, RequestHandler } from "express";

import type { Identity } from "../auth/authenticate.ts";
import { AppError } from "../errors/AppError.ts";
import type { ErrorCode } from "../errors/catalogue.ts";
import { chargeRequest } from "../limits/chargeRequest.ts";
import type { FindPayers } from "../limits/findPayers.ts";
import type { RateLimiter } from "../limits/RateLimiter.ts";
import type { ClientAddress } from "./clientAddress.ts";
import { currentRequestContext } from "./requestContext.ts";

interface Dependencies {
  limiter: RateLimiter;
  identities: WeakMap<object, Identity>;
  clientAddress: ClientAddress;
  findPayers: FindPayers;
}

/** What any request costs, whether or not it becomes an operation. */
const ARRIVAL_COST = 1;
/** What a token is refused with that is wrong, names a role, or stands for nobody here. */
const CODES_OF_TOKENS: readonly ErrorCode[] = ["UNAUTHENTICATED", "FORBIDDEN"];

export interface RequestLimits {
  /** Finds out who pays for a request, and takes the first point. */
  chargeArrival: RequestHandler;
  /** Takes a point from the address of a request that is refused for its token: it has nobody else to pay. */
  chargeRefusal: ErrorRequestHandler;
  /** The same for whatever a request is refused for that its sender could have done right. */
  chargeMistake: ErrorRequestHandler;
  /** The same as `chargeArrival` for a websocket and each of its operations. Throws TOO_MANY_REQUESTS. */
  chargeMessage: (socket: object, request: IncomingMessage) => Promise<void>;
  /**
   * Takes a point from the address of somebody who is refused, if it is not for a failure of ours; without an error, of
   * somebody who came to nothing. Throws TOO_MANY_REQUESTS.
   */
  chargeStranger: (request: IncomingMessage, error?: unknown) => Promise<void>;
}

/** Builds what takes the first point of every request, before its body is read. */
export function makeLimitRequests({
  limiter,
  identities,
  clientAddress,
  findPayers,
}: Dependencies): RequestLimits {
  const charge = async (identity: Identity | undefined, request: IncomingMessage) => {
    const payers = findPayers(identity, clientAddress(request));
    try {
      await chargeRequest(limiter, payers, ARRIVAL_COST);
    } finally {
      // Also of a refused one: it is refused at its organization's pace.
      Object.assign(currentRequestContext() ?? {}, { payers: payers.known() });
    }
  };
  const chargeStranger = async (request: IncomingMessage, error?: unknown) => {
    if (error === undefined || isMistake(error)) {
      const payers = [{ kind: "address" as const, id: clientAddress(request) }];
      Object.assign(currentRequestContext() ?? {}, { payers });
      await chargeRequest(limiter, payers, ARRIVAL_COST);
    }
  };
  return {
    chargeArrival: async (request, _response, next) => {
      await charge(identities.get(request), request);
      next();
    },
    chargeRefusal: async (error, request, _response, next) => {
      const isToken = error instanceof AppError && CODES_OF_TOKENS.includes(error.code);
      if (isToken && (currentRequestContext()?.payers ?? []).length === 0) {
        await chargeStranger(request, error);
      }
      next(error);
    },
    chargeMistake: async (error, request, _response, next) => {
      await chargeStranger(request, error);
      next(error);
    },
    chargeMessage: (socket, request) => charge(identities.get(socket), request),
    chargeStranger,
  };
}

/** Whether somebody else than we has to do better next time; errors of the body reader have a status as ours do. */
function isMistake(error: unknown): boolean {
  const { status } = (error ?? {}) as { status?: unknown };
  return typeof status === "number" && status < 500;
}
