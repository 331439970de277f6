import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds. */
const PAUSE = 20;
const PATIENCE = 60_000;

export interface Backend {
  url: string;
  adminUrl: string;
}

interface Known extends Backend {
  isReady: boolean;
  agent: Agent;
}

export interface Answer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
}

/**
 * Does what a load balancer does: asks every backend whether it is ready, sends each request to the next one that is, and
 * keeps connections open between requests. What goes wrong on the way is thrown, and never tried again.
 */
export class Balancer {
  readonly #backends = new Map<string, Known>();
  readonly #probeInterval: number;
  #turn = 0;

  constructor(probeInterval = 200) {
    this.#probeInterval = probeInterval;
  }

  /** Takes a backend in; resolves when it is ready and requests come to it. Rejects when it is not within a minute. */
  async add(backend: Backend): Promise<void> {
    const known = { ...backend, isReady: false, agent: new Agent({ keepAlive: true }) };
    this.#backends.set(backend.url, known);
    const deadline = Date.now() + PATIENCE;
    while (!known.isReady) {
      if (Date.now() > deadline) {
        this.remove(backend);
        const answer = await fetch(`${backend.adminUrl}/ready`).then((response) => response.text(), String);
        throw new Error(`A backend does not become ready: ${answer}`);
      }
      await this.#probe(known);
      await sleep(PAUSE);
    }
    void this.#watch(known);
  }

  remove({ url }: Backend): void {
    this.#backends.get(url)?.agent.destroy();
    this.#backends.delete(url);
  }

  close(): void {
    for (const backend of this.#backends.values()) {
      this.remove(backend);
    }
  }

  /** Posts JSON to the API of whichever backend's turn it is. */
  async post(body: object, headers: Record<string, string> = {}): Promise<Answer> {
    const ready = [...this.#backends.values()].filter(({ isReady }) => isReady);
    const backend = ready[this.#turn++ % ready.length];
    if (!backend) {
      // A load that fails without a pause would leave nobody the time to become ready.
      await sleep(PAUSE);
      throw new Error("No backend is ready.");
    }
    return post(`${backend.url}/graphql`, backend.agent, body, headers);
  }

  /** One question after the other: an answer that comes late must not hide a newer one. */
  async #watch(backend: Known): Promise<void> {
    while (this.#backends.get(backend.url) === backend) {
      await this.#probe(backend);
      await sleep(this.#probeInterval, undefined, { ref: false });
    }
  }

  async #probe(backend: Known): Promise<void> {
    backend.isReady = await fetch(`${backend.adminUrl}/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}

/** One POST over an agent's connections; rejects when there is no whole answer. */
export function post(
  url: string,
  agent: Agent,
  body: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const outgoing = request(url, {
    method: "POST",
    agent,
    headers: { "content-type": "application/json", accept: "application/json", ...headers },
  });
  outgoing.on("error", reject).on("response", (response) => {
    let text = "";
    response
      .setEncoding("utf8")
      .on("data", (piece: string) => (text += piece))
      .on("error", reject)
      .on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
  });
  outgoing.end(JSON.stringify(body));
  return promise;
}
