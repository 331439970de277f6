import { randomUUID } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

import { CATALOGUE } from "../errors/catalogue.ts";

const RETRY_AFTER_SECONDS = "1";

/**
 * Stands before everything else: serves as many requests at a time as is good for all of them, and refuses the rest for
 * less than it costs to read them. A server that takes in more than it can do makes everybody wait until nobody is served.
 * While the process stops, every answer asks its client to go elsewhere with the next request.
 */
export class Admission {
  readonly #maximum: number;
  readonly #onRefusal: () => void;
  #inside = 0;
  #isDraining = false;
  /** The way out of each request that is inside. */
  readonly #exits = new WeakMap<ServerResponse, () => void>();

  constructor(maximum: number, onRefusal: () => void = () => undefined) {
    this.#maximum = maximum;
    this.#onRefusal = onRefusal;
  }

  get inside(): number {
    return this.#inside;
  }

  /** Whether the process has been told to stop. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** From now on no connection is kept after its answer. */
  drain(): void {
    this.#isDraining = true;
  }

  /** @returns the listener for the server, which hands what is let in to `next`. */
  guard(next: RequestListener): RequestListener {
    return (request, response) => {
      if (this.#isDraining) {
        response.setHeader("Connection", "close");
      }
      if (this.#inside >= this.#maximum) {
        this.#onRefusal();
        refuse(request, response);
        return;
      }
      this.#inside++;
      this.#exits.set(response, () => {
        this.#exits.delete(response);
        this.#inside--;
      });
      response.once("close", () => this.leave(response));
      next(request, response);
    };
  }

  /** Gives back the place of a request before its answer is sent: it only waits from here on. */
  leave(response: ServerResponse): void {
    this.#exits.get(response)?.();
  }
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  const requestId = randomUUID();
  const { status, message } = CATALOGUE.UNAVAILABLE;
  const body = JSON.stringify({ errors: [{ message, extensions: { code: "UNAVAILABLE", requestId } }] });
  response.writeHead(status, {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    "Retry-After": RETRY_AFTER_SECONDS,
    "X-Request-Id": requestId,
  });
  response.end(body);
  // Unread, the rest of the body would stand before the connection's next request.
  request.resume();
}
