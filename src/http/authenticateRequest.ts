import type { IncomingMessage } from "node:http";

import type { RequestHandler } from "express";

import type { Identity } from "../auth/authenticate.ts";
import type { ReadHeader } from "../auth/requestScope.ts";
import type { Door } from "./openDoor.ts";
import { currentRequestContext } from "./requestContext.ts";
import { acceptRequestId } from "./requestId.ts";

/**
 * Verifies a request's token before GraphQL sees it: a wrong token takes no database connection. The identity is
 * kept with the request, where the context callback finds it.
 */
export function makeAuthenticateRequest(
  { authenticate, clientAddress, hashClient }: Pick<Door, "authenticate" | "clientAddress" | "hashClient">,
  identities: WeakMap<object, Identity>,
): RequestHandler {
  return async (request, _response, next) => {
    const context = currentRequestContext();
    const requestId = context?.requestId ?? acceptRequestId(undefined);
    const client = hashClient(clientAddress(request), request.headers["user-agent"]);
    const identity = await authenticate(makeReadHeader(request), { requestId, client });
    identities.set(request, identity);
    if (context) {
      context.anonymous = identity.claims === null;
      context.userId = identity.claims?.userId ?? null;
    }
    next();
  };
}

/** Reads headers as they were sent: Node keeps only the first of two Authorization headers and joins other doubles. */
function makeReadHeader(request: IncomingMessage): ReadHeader {
  return (name) => {
    const values = request.headersDistinct[name];
    return values && values.length > 1 ? values : values?.[0];
  };
}
