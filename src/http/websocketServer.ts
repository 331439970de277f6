import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

import { type GrafservBase, makeGraphQLWSConfig, normalizeConnectionParams } from "grafserv";
import { execute, type ExecutionArgs, subscribe } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { type WebSocket, WebSocketServer } from "ws";

import type { Authenticate, Identity } from "../auth/authenticate.ts";
import { AppError } from "../errors/AppError.ts";
import {
  continueRequestContext,
  makeRequestContext,
  type RequestContext,
  runInRequestContext,
} from "./requestContext.ts";
import { acceptRequestId } from "./requestId.ts";

/** Close codes of graphql-ws for what its own checks do not cover. */
const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_BAD_REQUEST = 4400;
const CLOSE_GOING_AWAY = 1001;
const INIT_TIMEOUT = 3000;
const GOODBYE_TIMEOUT = 2000;

interface WebsocketDependencies {
  authenticate: Authenticate;
  /** Where the context callback finds who is at the other end of a socket. */
  identities: WeakMap<object, Identity>;
  path: string;
  maximumMessageBytes: number;
}

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
  { authenticate, identities, path, maximumMessageBytes }: WebsocketDependencies,
): Websockets {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maximumMessageBytes });
  const contexts = new WeakMap<WebSocket, RequestContext>();
  const graphql = makeGraphQLWSConfig(grafserv);
  const { ofSocket, ofOperation } = makeContextRunners(contexts);
  const disposable = useServer(
    {
      ...graphql,
      connectionInitWaitTimeout: INIT_TIMEOUT,
      async onConnect({ connectionParams, extra: { socket } }) {
        const parameters = normalizeConnectionParams(connectionParams) ?? {};
        const requestId = acceptRequestId(parameters["x-request-id"]);
        try {
          const identity = await authenticate((name) => parameters[name], requestId);
          identities.set(socket, identity);
          contexts.set(socket, contextOf(socket, identity, requestId));
          closeAtExpiry(socket, identity);
          return true;
        } catch (error) {
          refuseConnection(socket, error);
          return false;
        }
      },
      onSubscribe: (context, id, payload) =>
        ofSocket(context.extra.socket, () => graphql.onSubscribe?.(context, id, payload)),
      execute: (args) => ofOperation(args, () => (graphql.execute ?? execute)(args)),
      subscribe: (args) => ofOperation(args, () => (graphql.subscribe ?? subscribe)(args)),
      onNext: (context, id, payload, args, result) =>
        ofOperation(args, () => graphql.onNext?.(context, id, payload, args, result)),
      onError: (context, id, payload, errors) =>
        ofSocket(context.extra.socket, () => graphql.onError?.(context, id, payload, errors)),
    },
    sockets,
  );

  const upgrade = makeUpgrade(sockets, path);
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

/** Runs callbacks as a part of what they belong to: several operations share a socket, and each is observed by itself. */
function makeContextRunners(contexts: WeakMap<WebSocket, RequestContext>) {
  const operations = new WeakMap<ExecutionArgs, RequestContext>();
  const contextOfSocket = (socket: WebSocket | undefined) =>
    (socket && contexts.get(socket)) ?? makeRequestContext(acceptRequestId(undefined));
  return {
    ofSocket: <T>(socket: WebSocket, callback: () => T): T =>
      runInRequestContext(contextOfSocket(socket), callback),
    ofOperation<T>(args: ExecutionArgs, callback: () => T): T {
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
  const code = refusal.code === "BAD_REQUEST" ? CLOSE_BAD_REQUEST : CLOSE_UNAUTHORIZED;
  socket.close(code, `${refusal.code}: ${refusal.message}`.slice(0, 120));
}

function closeAtExpiry(socket: WebSocket, { claims }: Identity): void {
  if (!claims) {
    return;
  }
  const timer = setTimeout(
    () => socket.close(CLOSE_UNAUTHORIZED, "UNAUTHENTICATED: The access token has expired."),
    Math.max(0, claims.expiresAt * 1000 - Date.now()),
  );
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}
