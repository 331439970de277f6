import { AsyncLocalStorage } from "node:async_hooks";

import type { ErrorCode } from "../errors/catalogue.ts";
import type { Payer } from "../limits/RateLimiter.ts";

/** What the parts of one request that are not handed the request itself (error masking) need to know of it. */
export interface RequestContext {
  requestId: string;
  /** Whether the request carried no token. */
  anonymous: boolean;
  /** Codes of the errors its answer contains; the HTTP status follows from them. */
  errorCodes: Set<ErrorCode>;
  /** Why the operation was refused before it ran, if one of our own rules did it. */
  refusal: ErrorCode | null;
  /** Seconds after which a client may come again, where an error says so. */
  retryAfter: number | null;
  /** Who pays for the operation. */
  payers: readonly Payer[];
  /** Estimated cost of the operation in points; null where nobody estimates it. */
  cost: number | null;
  /** Under which the answer of a mutation is kept, if the client asked for that. */
  idempotencyKey: string | null;
  /** Headers of the answer, by lower-case name. */
  headers: Record<string, string>;
}

const storage = new AsyncLocalStorage<RequestContext>();

export function makeRequestContext(requestId: string): RequestContext {
  return {
    requestId,
    anonymous: true,
    errorCodes: new Set(),
    refusal: null,
    retryAfter: null,
    payers: [],
    cost: null,
    idempotencyKey: null,
    headers: {},
  };
}

export function runInRequestContext<T>(context: RequestContext, callback: () => T): T {
  return storage.run(context, callback);
}

/** The request being served, or undefined outside of any. */
export function currentRequestContext(): RequestContext | undefined {
  return storage.getStore();
}
