import { AsyncLocalStorage } from "node:async_hooks";

import type { ErrorCode } from "../errors/catalogue.ts";
import type { Payer } from "../limits/RateLimiter.ts";

export type OperationKind = "query" | "mutation" | "subscription";

/** What the parts of one request that are not handed the request itself (error masking, the database) need to know of it. */
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
  /** Whether it may only ask, since it came by GET. */
  isReadOnly: boolean;
  /** Resolves when it is time to refuse the request because its payer has spent all. */
  awaitRefusal: () => Promise<void>;
  /** Lets the tenant's next request be worked on; safe to call twice. */
  endTurn: () => void;
  /** Where in the primary's log something stands that the answer must have, if the client says so. */
  databasePosition: bigint | null;
  /** Headers of the answer, by lower-case name. */
  headers: Record<string, string>;
  /** Aborted when the client has gone away before its answer was complete. */
  signal: AbortSignal;
  /** Who asks; logged as a pseudonym only. */
  userId: string | null;
  /** What is asked; null until the document has been read. */
  operation: { name: string | null; kind: OperationKind } | null;
  /** What the request asked of the database so far; milliseconds. */
  database: { transactions: number; waited: number; busy: number };
  /** `performance.now()` at its arrival. */
  startedAt: number;
}

const NEVER = new AbortController().signal;
const storage = new AsyncLocalStorage<RequestContext>();

/** @param signal tells that the client has left; without one it stays. */
export function makeRequestContext(requestId: string, signal: AbortSignal = NEVER): RequestContext {
  return {
    requestId,
    anonymous: true,
    errorCodes: new Set(),
    refusal: null,
    retryAfter: null,
    payers: [],
    cost: null,
    idempotencyKey: null,
    isReadOnly: false,
    awaitRefusal: () => Promise.resolve(),
    endTurn: () => undefined,
    databasePosition: null,
    headers: {},
    signal,
    userId: null,
    operation: null,
    database: { transactions: 0, waited: 0, busy: 0 },
    startedAt: performance.now(),
  };
}

/** The context of one operation among several of a connection: who asks and pays stays, what is asked is its own. */
export function continueRequestContext({
  requestId,
  anonymous,
  signal,
  userId,
  payers,
}: RequestContext): RequestContext {
  return { ...makeRequestContext(requestId, signal), anonymous, userId, payers };
}

export function runInRequestContext<T>(context: RequestContext, callback: () => T): T {
  return storage.run(context, callback);
}

/** The request being served, or undefined outside of any. */
export function currentRequestContext(): RequestContext | undefined {
  return storage.getStore();
}
