import { once } from "node:events";

import { afterEach } from "@jest/globals";
import { WebSocket } from "ws";

import type { TestGateway } from "../support/graphql.ts";

/** A client of graphql-ws that does nothing by itself, so that a test sees what the gateway does. */
export interface OpenSocket {
  socket: WebSocket;
  /** Messages of the gateway, parsed, as they come. */
  messages: { type: string; payload?: { data?: unknown; errors?: { extensions: { code: string } }[] } }[];
  /** The code and reason with which it closes, and after how many milliseconds from now. */
  closed(): Promise<{ code: number; reason: string; after: number }>;
  send(message: object): void;
}

/** Opens websockets to the gateway, and ends them after each test. */
export function useSockets(api: TestGateway) {
  const sockets: WebSocket[] = [];
  afterEach(() => sockets.splice(0).forEach((socket) => socket.terminate()));

  /** Opens one with the parameters of its first message, and waits for the answer. */
  async function connect(params: Record<string, string>): Promise<OpenSocket> {
    const socket = new WebSocket(`${api.url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
    sockets.push(socket);
    const messages: OpenSocket["messages"] = [];
    socket.on("message", (text) => messages.push(JSON.parse(String(text))));
    const closing = once(socket, "close");
    await once(socket, "open");
    const send = (message: object) => socket.send(JSON.stringify(message));
    send({ type: "connection_init", payload: params });
    await Promise.race([once(socket, "message"), closing]);
    return {
      socket,
      messages,
      send,
      async closed() {
        const began = Date.now();
        const [code, reason] = await closing;
        return { code, reason: String(reason), after: Date.now() - began };
      },
    };
  }
  return { connect };
}
