import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

import { type GrafservBase, makeGraphQLWSConfig, normalizeConnectionParams } from "grafserv";
import { GraphQLError } from "graphql";
import type { Context, ServerOptions, SubscribePayload } from "graphql-ws";
import { type Extra, useServer } from "graphql-ws/use/ws";
import { type WebSocket, WebSocketServer } from "ws";

import type { Authenticate, Identity } from "../auth/authenticate.ts";
import type { HashClient } from "../auth/clientHash.ts";
import type { TrustedDocuments } from "../documents/TrustedDocuments.ts";
import { AppError } from "../errors/AppError.ts";
import type { ErrorCode } from "../errors/catalogue.ts";
import type { RequestLimits } from "./limitRequests.ts";
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
/** How often a socket is asked for a sign of life; one that gives none until the next time is closed. */
const KEEP_ALIVE = 12_000;
const MAXIMUM_OPERATIONS = 20;

interface WebsocketDependencies {
  authenticate: Authenticate;
  /** Where the context callback finds who is at the other end of a socket. */
  identities: WeakMap<object, Identity>;
  /** Closes them when the rights end on which they were opened. */
  openSockets: OpenSockets;
  hashClient: HashClient;
  path: string;
  maximumMessageBytes: number;
  /** Other origins whose pages may connect. */
  origins: readonly string[];
  documents: TrustedDocuments;
  /** Takes the first point of an operation; throws TOO_MANY_REQUESTS. */
  chargeMessage: RequestLimits["chargeMessage"];
}

type SocketContext = Context<Record<string, unknown> | undefined, Extra>;

/**
 * Serves GraphQL over websockets (graphql-ws) on the HTTP server's `path`. Who is there is said in the connection's
 * first message, with the names and rules of the HTTP headers; the socket closes when the token expires.
 */
export function attachWebsockets(
  server: Server,
  grafserv: GrafservBase,
  dependencies: WebsocketDependencies,
): { close: () => Promise<void> } {
  const { authenticate, identities, openSockets, hashClient, maximumMessageBytes } = dependencies;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maximumMessageBytes });
  const contexts = new WeakMap<WebSocket, RequestContext>();
  const graphql = makeGraphQLWSConfig(grafserv);
  const inContext: InContext = (socket, callback) =>
    runInRequestContext(
      (socket && contexts.get(socket)) ?? makeRequestContext(acceptRequestId(undefined)),
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
      ...operationsOf(graphql, inContext, dependencies),
    },
    sockets,
    KEEP_ALIVE,
  );

  const upgrade = makeUpgrade(sockets, dependencies);
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

type GraphqlConfig = ReturnType<typeof makeGraphQLWSConfig>;
type InContext = <T>(socket: WebSocket | undefined, callback: () => T) => T;

/** What happens to an operation, each step in the request context of its socket. */
function operationsOf(
  graphql: GraphqlConfig,
  inContext: InContext,
  dependencies: WebsocketDependencies,
): Pick<
  ServerOptions<Record<string, unknown>, Extra>,
  "onSubscribe" | "execute" | "subscribe" | "onNext" | "onError"
> {
  return {
    onSubscribe: (context: SocketContext, id, payload) =>
      inContext(context.extra.socket, () =>
        admitOperation(context, payload, dependencies).then(
          (document) => graphql.onSubscribe?.(context, id, { ...payload, ...document }),
          (error: Error) => [new GraphQLError("The operation was refused.", { originalError: error })],
        ),
      ),
    // graphql-ws starts these by itself; who pays for them is in the context.
    execute: async (args) => inContext(socketOf(args), () => graphql.execute?.(args) ?? { errors: [] }),
    subscribe: async (args) => inContext(socketOf(args), () => graphql.subscribe?.(args) ?? { errors: [] }),
    onNext: (context, id, payload, args, result) =>
      inContext(context.extra.socket, () => graphql.onNext?.(context, id, payload, args, result)),
    onError: (context, id, payload, errors) =>
      inContext(context.extra.socket, () => graphql.onError?.(context, id, payload, errors)),
  };
}

/** Grafserv keeps it in the arguments of the operation. */
function socketOf(args: object): WebSocket | undefined {
  return (args as { requestContext?: { ws?: { socket?: WebSocket } } }).requestContext?.ws?.socket;
}

/** Checks what HTTP checks of a request's body, and that one socket does not run everything at once. */
async function admitOperation(
  { subscriptions, extra: { socket, request } }: SocketContext,
  payload: SubscribePayload,
  { documents, chargeMessage }: WebsocketDependencies,
): Promise<{ query: string; documentId: string | undefined }> {
  if (Object.keys(subscriptions).length > MAXIMUM_OPERATIONS) {
    throw new AppError(
      "TOO_MANY_REQUESTS",
      `A socket runs at most ${MAXIMUM_OPERATIONS} operations at a time.`,
    );
  }
  await chargeMessage(socket, request);
  return documents.toPayload(payload);
}

function makeUpgrade(
  sockets: WebSocketServer,
  { path, origins }: Pick<WebsocketDependencies, "path" | "origins">,
) {
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const refusal = refusalOf(request, path, origins);
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
function refusalOf(
  { url, headers }: IncomingMessage,
  path: string,
  origins: readonly string[],
): string | null {
  if (url?.split("?")[0] !== path) {
    return "404 Not Found";
  }
  const { origin, host } = headers;
  const isKnown = origin === undefined || URL.parse(origin)?.host === host || origins.includes(origin);
  return isKnown ? null : "403 Forbidden";
}

function refuseConnection(socket: WebSocket, error: unknown): void {
  const refusal = error instanceof AppError ? error : new AppError("INTERNAL");
  socket.close(
    CLOSE_CODES[refusal.code] ?? CLOSE_UNAUTHORIZED,
    `${refusal.code}: ${refusal.message}`.slice(0, 120),
  );
}
