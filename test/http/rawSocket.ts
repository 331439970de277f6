import { randomUUID } from "node:crypto";
import { once } from "node:events";

import { WebSocket } from "ws";

export interface Message {
  type: string;
  id?: string;
  payload?: { data?: unknown; errors?: unknown } | { extensions?: { code?: string } }[];
}

/** A websocket without a client library's manners: it says what it is told to. */
export class RawSocket {
  readonly messages: Message[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;

  constructor(url: string, options: { origin?: string; headers?: Record<string, string> } = {}) {
    this.#socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws", options);
    this.#socket.on("message", (text: Buffer) => this.messages.push(JSON.parse(text.toString())));
    this.#socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => this.#socket.once("close", resolve));
  }

  /** Says who is there, and waits for nothing. */
  async introduce(payload: object): Promise<void> {
    await once(this.#socket, "open");
    this.send({ type: "connection_init", payload });
  }

  async open(payload: object): Promise<this> {
    await this.introduce(payload);
    await this.until(({ type }) => type === "connection_ack");
    return this;
  }

  send(message: object | string): void {
    this.#socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  async until(isIt: (message: Message) => boolean): Promise<Message> {
    for (let attempt = 0; attempt < 500; attempt += 1) {
      const message = this.messages.find(isIt);
      if (message) {
        return message;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`The server did not say it within five seconds, but: ${JSON.stringify(this.messages)}`);
  }

  /** Subscribes with a payload, and waits for what comes back first. */
  async ask(payload: object): Promise<Message> {
    const id = randomUUID();
    this.send({ type: "subscribe", id, payload });
    return this.until((message) => message.id === id);
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** Code of the first error, of the operation or of its result. */
export function codeOf({ payload }: Message): string | undefined {
  const [error] = Array.isArray(payload)
    ? payload
    : ((payload?.errors ?? []) as { extensions?: { code?: string } }[]);
  return error?.extensions?.code;
}
