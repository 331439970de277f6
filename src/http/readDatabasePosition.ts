import type { RequestHandler } from "express";

import { parseWalPosition } from "../database/replicas/walPosition.ts";
import { AppError } from "../errors/AppError.ts";
import { currentRequestContext } from "./requestContext.ts";

export const POSITION_HEADER = "x-database-position";

/** Notes what the client was told after a mutation, by this gateway or another: its answer must not be older. */
export const readDatabasePosition: RequestHandler = (request, _response, next) => {
  const given = request.headersDistinct[POSITION_HEADER];
  const context = currentRequestContext();
  if (given && context) {
    context.databasePosition = parseWalPosition(given.join(", "));
    if (context.databasePosition === null) {
      throw new AppError(
        "BAD_REQUEST",
        "X-Database-Position must be what an answer said, for example 16/B374D848.",
      );
    }
  }
  next();
};
