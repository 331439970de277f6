import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { type Config, PROJECT_ROOT } from "../../src/config.ts";
import type { DatabaseUrls } from "../../src/database/databaseUrls.ts";
import type { Server } from "./servers.ts";

const PATIENCE = 180_000;
/** Limits are on, and above what a benchmark asks for. */
const HIGH_LIMITS = {
  RATE_LIMIT_USER: "1000000000",
  RATE_LIMIT_ORGANIZATION: "1000000000",
  RATE_LIMIT_ADDRESS: "1000000000",
  MAX_WEBSOCKETS_PER_ADDRESS: "1000000",
  MAX_CONCURRENT_REQUESTS: "1000",
  GATEWAY_POOL_WAIT: "30000",
};

/** A server of the benchmark in a process of its own, as production would run it; it ends with this process at the latest. */
export class ServerProcess {
  readonly server: Server;
  readonly url: string;
  readonly #child: ChildProcess;
  #complaints = "";

  private constructor(server: Server, url: string, child: ChildProcess) {
    this.server = server;
    this.url = url;
    this.#child = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#complaints += text));
  }

  static async start(
    server: Server,
    { auth }: Pick<Config, "auth">,
    urls: Pick<DatabaseUrls, "gateway" | "recorder">,
  ): Promise<ServerProcess> {
    const [port, adminPort] = [await freePort(), await freePort()];
    const ours = {
      GATEWAY_DATABASE_URL: urls.gateway,
      RECORDER_DATABASE_URL: urls.recorder,
      ADMIN_PORT: String(adminPort),
      DRAIN_DELAY: "0",
      ...HIGH_LIMITS,
    };
    const child = spawn(
      join(PROJECT_ROOT, "bin/node"),
      [
        "--disable-warning=ExperimentalWarning",
        "--import",
        "./test/support/endWithParent.ts",
        ...server.args,
      ],
      {
        cwd: PROJECT_ROOT,
        env: {
          PATH: process.env.PATH,
          NODE_ENV: "production",
          JWT_SECRET: auth.jwtSecret ?? "",
          PORT: String(port),
          ...(server.isOurs ? ours : { DATABASE_URL: urls.gateway }),
        },
        // Its log is written, and goes nowhere.
        stdio: ["pipe", "ignore", "pipe"],
      },
    );
    const started = new ServerProcess(server, `http://127.0.0.1:${port}`, child);
    const sign = server.isOurs ? `http://127.0.0.1:${adminPort}/ready` : started.url;
    try {
      await started.#waitFor(sign, server.isOurs ? (status) => status === 200 : () => true);
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, "exit");
      this.#child.kill();
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
      await exited;
      clearTimeout(timer);
    }
  }

  async #waitFor(url: string, isReady: (status: number) => boolean): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const status = await fetch(url, { headers: { connection: "close" } }).then(
        ({ status }) => status,
        () => null,
      );
      if (status !== null && isReady(status)) {
        return;
      }
      if (this.#child.exitCode !== null || Date.now() > deadline) {
        const saying = this.#complaints || `nothing said; ${url} answered ${status ?? "nothing"}`;
        throw new Error(`${this.server.title} does not serve: ${saying}`);
      }
      await sleep(50);
    }
  }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  listener.close();
  await once(listener, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
