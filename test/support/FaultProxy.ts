import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What the proxy does to what passes it. */
export interface Faults {
  /** Milliseconds that every piece of data is late, each way. */
  latency?: number;
  /** Bytes a second, each way. */
  bandwidth?: number;
  /** Nothing passes any more, and nobody is told: what a lost network looks like. */
  blackHole?: "both" | "toServer" | "toClient";
  /** New connections are closed at once. */
  refuses?: boolean;
  /** Breaks the connection when these words go to the server: before they arrive, or as soon as they have. */
  cutAt?: { words: string; when: "before" | "after" };
}

interface Pair {
  client: Socket;
  server: Socket;
}

const TICK = 20;

/** A TCP proxy that does to a connection what networks do. Each test sets the fault it is about, and heals it. */
export class FaultProxy {
  #faults: Faults = {};
  readonly #pairs = new Set<Pair>();
  readonly #listener: Server;
  #cuts = 0;

  private constructor(listener: Server) {
    this.#listener = listener;
  }

  /** @param target a connection string of Postgres over TCP. */
  static async before(target: string): Promise<FaultProxy> {
    const { hostname, port } = new URL(target);
    const listener = createServer((client) => proxy.#join(client, hostname, Number(port || 5432)));
    const proxy = new FaultProxy(listener);
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    return proxy;
  }

  /** The same connection string, through the proxy. */
  through(target: string): string {
    const url = new URL(target);
    url.hostname = "127.0.0.1";
    url.port = String((this.#listener.address() as AddressInfo).port);
    return url.href;
  }

  /** How many connections `cutAt` has broken. */
  get cuts(): number {
    return this.#cuts;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** How many connections the client has given up, of which the server has not learned. */
  get abandoned(): number {
    return [...this.#pairs].filter(({ client, server }) => client.destroyed && !server.destroyed).length;
  }

  set(faults: Faults): void {
    this.#faults = faults;
  }

  /** The server now learns what it could not: a connection that the client has given up ends. */
  heal(): void {
    this.#faults = {};
    for (const { client, server } of this.#pairs) {
      if (client.destroyed) {
        server.destroy();
      }
    }
  }

  /** Resets every connection that there is. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    this.set({ refuses: true });
    this.#listener.close();
    this.cut();
    await once(this.#listener, "close");
  }

  #join(client: Socket, host: string, port: number): void {
    if (this.#faults.refuses) {
      client.resetAndDestroy();
      return;
    }
    const pair = { client, server: connect({ host, port, noDelay: true }) };
    client.setNoDelay(true);
    this.#pairs.add(pair);
    const end = () => {
      // In a black hole not even the end of a connection is seen.
      if (this.#faults.blackHole === undefined) {
        client.destroy();
        pair.server.destroy();
      }
      if (client.destroyed && pair.server.destroyed) {
        this.#pairs.delete(pair);
      }
    };
    for (const socket of [client, pair.server]) {
      socket.on("error", () => undefined).on("close", end);
    }
    this.#carry(client, pair.server, "toServer");
    this.#carry(pair.server, client, "toClient");
  }

  /** Passes data on in order, each piece when its time has come. */
  #carry(from: Socket, to: Socket, direction: "toServer" | "toClient"): void {
    let turn = Promise.resolve();
    from.on("data", (data: Buffer) => {
      turn = turn.then(() => this.#pass(data, from, to, direction));
    });
  }

  async #pass(data: Buffer, from: Socket, to: Socket, direction: "toServer" | "toClient"): Promise<void> {
    const { latency, bandwidth, blackHole, cutAt } = this.#faults;
    if (blackHole === "both" || blackHole === direction) {
      return;
    }
    if (latency) {
      await passing(latency);
    }
    const isCut = direction === "toServer" && cutAt !== undefined && data.includes(cutAt.words);
    if (isCut && cutAt.when === "before") {
      this.#cutOne(from, to);
      return;
    }
    await (bandwidth ? trickle(data, to, bandwidth) : to.write(data));
    if (isCut) {
      this.#cutOne(from, null);
    }
  }

  /** The client always learns of it; the server only where it is given. */
  #cutOne(client: Socket, server: Socket | null): void {
    this.#cuts++;
    client.resetAndDestroy();
    server?.resetAndDestroy();
  }
}

async function trickle(data: Buffer, to: Socket, bandwidth: number): Promise<void> {
  const size = Math.max(1, Math.round((bandwidth * TICK) / 1000));
  for (let offset = 0; offset < data.length && !to.destroyed; offset += size) {
    to.write(data.subarray(offset, offset + size));
    await passing(TICK);
  }
}

function passing(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
