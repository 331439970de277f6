import type { ErrorRequestHandler, RequestHandler } from "express";

import { AppError } from "../errors/AppError.ts";
import type { Admission } from "./Admission.ts";
import type { RefusalPace } from "./RefusalPace.ts";
import { currentRequestContext } from "./requestContext.ts";
import { tenantOf } from "./tenantOf.ts";

export interface SlowRefusals {
  /** Gives a request's context what waits before it is refused; who waits takes nobody's place. */
  prepare: RequestHandler;
  /** Keeps a request waiting that was refused before it became an operation. */
  delay: ErrorRequestHandler;
}

/** Answers 429 at a pace, see RefusalPace. */
export function makeSlowRefusals(pace: RefusalPace, admission: Admission): SlowRefusals {
  return {
    prepare(_request, response, next) {
      const context = currentRequestContext();
      if (context) {
        context.awaitRefusal = async () => {
          admission.leave(response);
          context.endTurn();
          // By organization: otherwise each of its people would be refused at a pace of their own.
          if (!(await pace.wait(tenantOf(context.payers), context.signal))) {
            context.headers.connection = "close";
          }
        };
      }
      next();
    },
    async delay(error, _request, _response, next) {
      if (error instanceof AppError && error.code === "TOO_MANY_REQUESTS") {
        await currentRequestContext()?.awaitRefusal();
      }
      next(error);
    },
  };
}
