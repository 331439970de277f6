import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

import { type GrafservBase, makeGraphQLWSConfig, normalizeConnectionParams } from "grafserv";
import type { Context } from "graphql-ws";
import { type Extra, useServer } from "graphql-ws/use/ws";
import { type WebSocket, WebSocketServer } from "ws";

import type { Authenticate, Identity } from "../auth/authenticate.ts";
import type { HashClient } from "../auth/clientHash.ts";
import { AppError } from "../errors/AppError.ts";
import type { ErrorCode } from "../errors/catalogue.ts";
import type { OpenSockets } from "./openSockets.ts";
import { makeRequestContext, type RequestContext, runInRequestContext } from "./requestContext.ts";
import { acceptRequestId } from "./requestId.ts";

/** Close codes of graphql-ws for what its own checks do not cover. */
const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_BAD_REQUEST = 4400;
const CLOSE_FORBIDDEN = 4403;
const CLOSE_GOING_AWAY = 1001;
const CLOSE_TRY_AGAIN = 1013;
const CLOSE_CODES: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: CLOSE_BAD_REQUEST,
  FORBIDDEN: CLOSE_FORBIDDEN,
  UNAVAILABLE: CLOSE_TRY_AGAIN,
};
const INIT_TIMEOUT = 3000;

interface WebsocketDependencies {
  authenticate: Authenticate;
  /** Where the context callback finds who is at the other end of a socket. */
  identities: WeakMap<object, Identity>;
  /** Closes them when the rights end on which they were opened. */
  openSockets: OpenSockets;
  hashClient: HashClient;
  path: string;
  maximumMessageBytes: number;
}

/**
 * Serves GraphQL over websockets (graphql-ws) on the HTTP server's `path`. Who is there is said in the connection's
 * first message, with the names and rules of the HTTP headers; the socket closes when the token expires.
 */
export function attachWebsockets(
  server: Server,
  grafserv: GrafservBase,
  { authenticate, identities, openSockets, hashClient, path, maximumMessageBytes }: WebsocketDependencies,
): { close: () => Promise<void> } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maximumMessageBytes });
  const contexts = new WeakMap<WebSocket, RequestContext>();
  const graphql = makeGraphQLWSConfig(grafserv);
  const within = <T>(context: Context<Record<string, unknown> | undefined, Extra>, callback: () => T): T =>
    runInRequestContext(
      contexts.get(context.extra.socket) ?? makeRequestContext(acceptRequestId(undefined)),
      callback,
    );

  const disposable = useServer(
    {
      ...graphql,
      connectionInitWaitTimeout: INIT_TIMEOUT,
      async onConnect({ connectionParams, extra: { socket, request } }) {
        const parameters = normalizeConnectionParams(connectionParams) ?? {};
        const requestId = acceptRequestId(parameters["x-request-id"]);
        try {
          const client = hashClient(request.socket.remoteAddress, request.headers["user-agent"]);
          const identity = await authenticate((name) => parameters[name], { requestId, client });
          identities.set(socket, identity);
          contexts.set(socket, { ...makeRequestContext(requestId), anonymous: identity.claims === null });
          if (identity.claims) {
            openSockets.watch(socket, identity.claims);
          }
          return true;
        } catch (error) {
          refuseConnection(socket, error);
          return false;
        }
      },
      onSubscribe: (context, id, payload) =>
        within(context, () => graphql.onSubscribe?.(context, id, payload)),
      onNext: (context, id, payload, args, result) =>
        within(context, () => graphql.onNext?.(context, id, payload, args, result)),
      onError: (context, id, payload, errors) =>
        within(context, () => graphql.onError?.(context, id, payload, errors)),
    },
    sockets,
  );

  const upgrade = makeUpgrade(sockets, path);
  server.on("upgrade", upgrade);

  return {
    async close() {
      server.off("upgrade", upgrade);
      for (const client of sockets.clients) {
        client.close(CLOSE_GOING_AWAY, "The server is shutting down.");
      }
      await disposable.dispose();
    },
  };
}

function makeUpgrade(sockets: WebSocketServer, path: string) {
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const refusal = refusalOf(request, path);
    if (refusal) {
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      sockets.emit("connection", client, request);
      // What a client does wrong (a message too large) closes its socket; graphql-ws would print it as our failure.
      client.removeAllListeners("error").on("error", () => client.close());
    });
  };
}

/** The status line with which an upgrade is refused, if it is. Browsers apply no other rule to foreign pages here. */
function refusalOf({ url, headers }: IncomingMessage, path: string): string | null {
  if (url?.split("?")[0] !== path) {
    return "404 Not Found";
  }
  if (headers.origin !== undefined && URL.parse(headers.origin)?.host !== headers.host) {
    return "403 Forbidden";
  }
  return null;
}

function refuseConnection(socket: WebSocket, error: unknown): void {
  const refusal = error instanceof AppError ? error : new AppError("INTERNAL");
  socket.close(
    CLOSE_CODES[refusal.code] ?? CLOSE_UNAUTHORIZED,
    `${refusal.code}: ${refusal.message}`.slice(0, 120),
  );
}
