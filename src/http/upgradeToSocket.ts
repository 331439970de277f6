import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

import type { WebSocketServer } from "ws";

import { AppError } from "../errors/AppError.ts";
import type { ClientAddress } from "./clientAddress.ts";
import type { RequestLimits } from "./limitRequests.ts";
import type { SocketPlaces } from "./SocketPlaces.ts";

export interface UpgradeParts {
  path: string;
  /** Other origins whose pages may connect. */
  origins: readonly string[];
  clientAddress: ClientAddress;
  places: SocketPlaces;
  chargeStranger: RequestLimits["chargeStranger"];
}

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

const RETRY_AFTER_SECONDS = 5;

/** Builds the listener that makes a websocket of a connection, where there is a place for it. */
export function makeUpgradeToSocket(
  sockets: WebSocketServer,
  { path, origins, clientAddress, places, chargeStranger }: UpgradeParts,
): Upgrade {
  return (request, socket, head) => {
    if (socket.destroyed) {
      return;
    }
    try {
      assertWelcome(request, path, origins);
      socket.once("close", places.take(clientAddress(request)));
    } catch (error) {
      const refusal = error instanceof AppError ? error : new AppError("INTERNAL");
      refuse(socket, refusal);
      void chargeStranger(request, refusal).catch(() => undefined);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      sockets.emit("connection", client, request);
      // What a client does wrong (a message too large) closes its socket; graphql-ws would print it as our failure.
      client.removeAllListeners("error").on("error", () => client.close());
    });
  };
}

/** Browsers apply no other rule to foreign pages here. */
function assertWelcome({ url, headers }: IncomingMessage, path: string, origins: readonly string[]): void {
  if (url?.split("?")[0] !== path) {
    throw new AppError("NOT_FOUND");
  }
  const { origin, host } = headers;
  if (origin !== undefined && URL.parse(origin)?.host !== host && !origins.includes(origin)) {
    throw new AppError("FORBIDDEN");
  }
}

function refuse(socket: Duplex, { code, status }: AppError): void {
  const isLater = code === "UNAVAILABLE" || code === "TOO_MANY_REQUESTS";
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    "Content-Length: 0",
    ...(isLater ? [`Retry-After: ${RETRY_AFTER_SECONDS}`] : []),
  ];
  // Nobody else listens any more: a client that has gone would end the process, and one that stays would keep the connection.
  socket.on("error", () => socket.destroy()).once("finish", () => socket.destroy());
  socket.end(`${lines.join("\r\n")}\r\n\r\n`);
}
