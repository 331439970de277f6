import type { IncomingMessage, ServerResponse } from "node:http";

import { AppError } from "../errors/AppError.ts";

/** Refuses every other method with METHOD_NOT_ALLOWED, and says which ones the address knows, as a 405 has to. */
export function assertMethod(
  { method = "" }: IncomingMessage,
  response: ServerResponse,
  allowed: readonly string[],
): void {
  if (!allowed.includes(method)) {
    response.setHeader("Allow", allowed.join(", "));
    throw new AppError("METHOD_NOT_ALLOWED");
  }
}
