import type { IncomingMessage, Server } from "node:http";

import { type GrafservBase, makeGraphQLWSConfig, normalizeConnectionParams } from "grafserv";
import { execute, GraphQLError, subscribe } from "graphql";
import type { Context, ServerOptions, SubscribePayload } from "graphql-ws";
import { type Extra, useServer } from "graphql-ws/use/ws";
import { type WebSocket, WebSocketServer } from "ws";

import type { Authenticate, Identity } from "../auth/authenticate.ts";
import type { HashClient } from "../auth/clientHash.ts";
import type { NoteClient } from "../auth/noteClient.ts";
import type { TrustedDocuments } from "../documents/TrustedDocuments.ts";
import { AppError } from "../errors/AppError.ts";
import type { ErrorCode } from "../errors/catalogue.ts";
import type { RequestLimits } from "./limitRequests.ts";
import type { OpenSockets } from "./openSockets.ts";
import {
  continueRequestContext,
  makeRequestContext,
  type RequestContext,
  runInRequestContext,
} from "./requestContext.ts";
import { acceptRequestId } from "./requestId.ts";
import { makeUpgradeToSocket, type UpgradeParts } from "./upgradeToSocket.ts";

/** Close codes of graphql-ws for what its own checks do not cover. */
const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_BAD_REQUEST = 4400;
const CLOSE_FORBIDDEN = 4403;
const CLOSE_GOING_AWAY = 1001;
const CLOSE_TRY_AGAIN = 1013;
const CLOSE_CODES: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: CLOSE_BAD_REQUEST,
  FORBIDDEN: CLOSE_FORBIDDEN,
  NOT_ACCEPTABLE: CLOSE_BAD_REQUEST,
  TOO_MANY_REQUESTS: CLOSE_TRY_AGAIN,
  UNAVAILABLE: CLOSE_TRY_AGAIN,
};
const INIT_TIMEOUT = 3000;
/** How often a socket is asked for a sign of life; one that gives none until the next time is closed. */
const KEEP_ALIVE = 12_000;
const MAXIMUM_OPERATIONS = 20;
const GOODBYE_TIMEOUT = 2000;

interface WebsocketDependencies extends UpgradeParts {
  authenticate: Authenticate;
  noteClient: NoteClient;
  /** Where the context callback finds who is at the other end of a socket. */
  identities: WeakMap<object, Identity>;
  /** Closes them when the rights end on which they were opened. */
  openSockets: OpenSockets;
  hashClient: HashClient;
  maximumMessageBytes: number;
  documents: TrustedDocuments;
  /** Takes the point of a connection, and the first one of an operation; throws TOO_MANY_REQUESTS. */
  chargeMessage: RequestLimits["chargeMessage"];
}

type SocketContext = Context<Record<string, unknown> | undefined, Extra>;

export interface Websockets {
  /** How many are open. */
  count(): number;
  /** Asks every client to come back elsewhere (1001), and accepts nobody any more. */
  goAway(): void;
  close(): Promise<void>;
}

/** What the arguments of an operation are besides what graphql-ws knows of them: grafserv names the socket. */
interface FromSocket {
  requestContext?: { ws?: { socket?: WebSocket } };
}

/**
 * Serves GraphQL over websockets (graphql-ws) on the HTTP server's `path`. Who is there is said in the connection's
 * first message, with the names and rules of the HTTP headers; the socket closes when the token expires.
 */
export function attachWebsockets(
  server: Server,
  grafserv: GrafservBase,
  dependencies: WebsocketDependencies,
): Websockets {
  const { openSockets, maximumMessageBytes } = dependencies;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maximumMessageBytes });
  const contexts = new WeakMap<WebSocket, RequestContext>();
  const graphql = makeGraphQLWSConfig(grafserv);
  const runners = makeContextRunners(contexts);
  const admit = makeAdmitSocket(sockets, dependencies);

  const disposable = useServer(
    {
      ...graphql,
      connectionInitWaitTimeout: INIT_TIMEOUT,
      async onConnect({ connectionParams, extra: { socket, request } }) {
        const parameters = normalizeConnectionParams(connectionParams) ?? {};
        const requestId = acceptRequestId(parameters["x-request-id"]);
        try {
          const identity = await admit(socket, request, { parameters, requestId });
          contexts.set(socket, contextOf(socket, identity, requestId));
          if (identity.claims) {
            openSockets.watch(socket, identity.claims);
          }
          return true;
        } catch (error) {
          refuseConnection(socket, error);
          return false;
        }
      },
      ...operationsOf(graphql, runners, dependencies),
    },
    sockets,
    KEEP_ALIVE,
  );

  const upgrade = makeUpgradeToSocket(sockets, dependencies);
  server.on("upgrade", upgrade);

  const goAway = () => {
    server.off("upgrade", upgrade);
    for (const client of sockets.clients) {
      client.close(CLOSE_GOING_AWAY, "The server is shutting down.");
      // One that is gone without a word would not answer.
      setTimeout(() => client.terminate(), GOODBYE_TIMEOUT).unref();
    }
  };
  return {
    count: () => sockets.clients.size,
    goAway,
    async close() {
      goAway();
      await disposable.dispose();
    },
  };
}

interface Introduction {
  parameters: Record<string, unknown>;
  requestId: string;
}

/**
 * Builds what lets somebody in who says who they are, for a point as a request costs one. Whoever is refused, or never says
 * it, costs their address one.
 */
function makeAdmitSocket(
  sockets: WebSocketServer,
  { authenticate, noteClient, identities, hashClient, ...dependencies }: WebsocketDependencies,
) {
  const { clientAddress, chargeMessage, chargeStranger } = dependencies;
  const introduced = new WeakSet<WebSocket>();
  sockets.on("connection", (socket, request) => {
    socket.once("close", () => {
      if (!introduced.has(socket)) {
        void chargeStranger(request).catch(() => undefined);
      }
    });
  });
  return async (
    socket: WebSocket,
    request: IncomingMessage,
    { parameters, requestId }: Introduction,
  ): Promise<Identity> => {
    introduced.add(socket);
    const client = hashClient(clientAddress(request), request.headers["user-agent"]);
    const identity = await authenticate((name) => parameters[name], { requestId, client }).catch(
      async (error: unknown) => {
        await chargeStranger(request, error);
        throw error;
      },
    );
    identities.set(socket, identity);
    await chargeMessage(socket, request);
    await noteClient(identity);
    return identity;
  };
}

type GraphqlConfig = ReturnType<typeof makeGraphQLWSConfig>;
type ContextRunners = ReturnType<typeof makeContextRunners>;

/** What happens to an operation, each step in a request context of its own that continues its socket's. */
function operationsOf(
  graphql: GraphqlConfig,
  { ofSocket, ofOperation }: ContextRunners,
  dependencies: WebsocketDependencies,
): Pick<
  ServerOptions<Record<string, unknown>, Extra>,
  "onSubscribe" | "execute" | "subscribe" | "onNext" | "onError"
> {
  return {
    onSubscribe: (context: SocketContext, id, payload) =>
      ofSocket(context.extra.socket, () =>
        admitOperation(context, payload, dependencies).then(
          (document) => graphql.onSubscribe?.(context, id, { ...payload, ...document }),
          (error: Error) => [new GraphQLError("The operation was refused.", { originalError: error })],
        ),
      ),
    execute: (args) => ofOperation(args, () => (graphql.execute ?? execute)(args)),
    subscribe: (args) => ofOperation(args, () => (graphql.subscribe ?? subscribe)(args)),
    onNext: (context, id, payload, args, result) =>
      ofOperation(args, () => graphql.onNext?.(context, id, payload, args, result)),
    onError: (context, id, payload, errors) =>
      ofSocket(context.extra.socket, () => graphql.onError?.(context, id, payload, errors)),
  };
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

/** Runs callbacks as a part of what they belong to: several operations share a socket, and each is observed by itself. */
function makeContextRunners(contexts: WeakMap<WebSocket, RequestContext>) {
  const operations = new WeakMap<object, RequestContext>();
  const contextOfSocket = (socket: WebSocket | undefined) =>
    (socket && contexts.get(socket)) ?? makeRequestContext(acceptRequestId(undefined));
  return {
    ofSocket: <T>(socket: WebSocket, callback: () => T): T =>
      runInRequestContext(contextOfSocket(socket), callback),
    ofOperation<T>(args: object, callback: () => T): T {
      const socket = (args as FromSocket).requestContext?.ws?.socket;
      const context = operations.get(args) ?? continueRequestContext(contextOfSocket(socket));
      operations.set(args, context);
      return runInRequestContext(context, callback);
    },
  };
}

/** What is known of everybody at the other end of a socket; statements that run for it stop when it closes. */
function contextOf(socket: WebSocket, { claims }: Identity, requestId: string): RequestContext {
  const departure = new AbortController();
  socket.once("close", () => departure.abort());
  const context = makeRequestContext(requestId, departure.signal);
  return { ...context, anonymous: claims === null, userId: claims?.userId ?? null };
}

function refuseConnection(socket: WebSocket, error: unknown): void {
  const refusal = error instanceof AppError ? error : new AppError("INTERNAL");
  socket.close(
    CLOSE_CODES[refusal.code] ?? CLOSE_UNAUTHORIZED,
    `${refusal.code}: ${refusal.message}`.slice(0, 120),
  );
}
