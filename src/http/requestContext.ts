import { AsyncLocalStorage } from "node:async_hooks";

import type { ErrorCode } from "../errors/catalogue.ts";

/** What the parts of one request that are not handed the request itself (error masking) need to know of it. */
export interface RequestContext {
  requestId: string;
  /** Whether the request carried no token. */
  anonymous: boolean;
  /** Codes of the errors its answer contains; the HTTP status follows from them. */
  errorCodes: Set<ErrorCode>;
  /** Seconds after which a client may come again, where an error says so. */
  retryAfter: number | null;
}

const storage = new AsyncLocalStorage<RequestContext>();

export function makeRequestContext(requestId: string): RequestContext {
  return { requestId, anonymous: true, errorCodes: new Set(), retryAfter: null };
}

export function runInRequestContext<T>(context: RequestContext, callback: () => T): T {
  return storage.run(context, callback);
}

/** The request being served, or undefined outside of any. */
export function currentRequestContext(): RequestContext | undefined {
  return storage.getStore();
}
