import type { RequestHandler } from "express";

import { currentRequestContext } from "./requestContext.ts";
import { tenantOf } from "./tenantOf.ts";
import type { TenantTurns } from "./TenantTurns.ts";

/**
 * Lets a request wait for its tenant's turn, once it is known who pays for it. The turn ends with the answer, or as soon as
 * the request waits for something that is rationed elsewhere (a connection of its own, the pace of refusals).
 */
export function makeTakeTurn(turns: TenantTurns): RequestHandler {
  return async (_request, response, next) => {
    const context = currentRequestContext();
    if (context) {
      const end = await turns.take(tenantOf(context.payers), context.signal);
      if (end === null) {
        return;
      }
      // It may be over by now, and says so only once.
      if (response.closed) {
        end();
        return;
      }
      context.endTurn = end;
      response.once("close", end);
    }
    next();
  };
}
