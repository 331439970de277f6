import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Config } from "../../src/config.ts";
import { loginUrl } from "../../src/database/databaseUrls.ts";

const ROOT = join(import.meta.dirname, "../..");
const PATIENCE = 120_000;
const POLL_INTERVAL = 25;

export interface Line extends Record<string, unknown> {
  msg: string;
}

/** `npm run serve`, in production unless told otherwise: a process of its own with one connection string and no administrator's. */
export class ServeProcess {
  readonly lines: Line[] = [];
  /** Everything that was written, on either stream. */
  output = "";
  /** What was written that is no log line. */
  noise = "";
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  /**
   * @param gatewayUrl connection of the gateway's login role (of the worker's, where `script` is one), maybe through something.
   * @param script what to run, from the project's root.
   */
  constructor(
    config: Config,
    gatewayUrl: string,
    env: Record<string, string> = {},
    script = "src/server.ts",
  ) {
    this.#child = spawn(join(ROOT, "bin/node"), ["--import", "./test/support/endWithParent.ts", script], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        NODE_ENV: "production",
        GATEWAY_DATABASE_URL: gatewayUrl,
        WORKER_DATABASE_URL: gatewayUrl,
        RECORDER_DATABASE_URL: loginUrl(config.database, gatewayUrl, "app_recorder"),
        JWT_SECRET: config.auth.jwtSecret ?? "",
        LOG_LEVEL: "info",
        PORT: "0",
        ADMIN_PORT: "0",
        DRAIN_DELAY: "3000",
        ...env,
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
      const pieces = (rest + text).split("\n");
      rest = pieces.pop() ?? "";
      pieces.forEach((piece) => this.#read(piece));
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
      this.noise += text;
    });
    this.#exited = once(this.#child, "close");
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Where it serves, without a trailing slash; waits until it does. */
  async addresses(): Promise<{ url: string; adminUrl: string }> {
    const read = (name: string) => new RegExp(`\\b${name}"?: ?"(http[^"]*?)/?"`).exec(this.output)?.[1];
    return this.#until("its addresses", () => {
      const [url, adminUrl] = [read("url"), read("adminUrl")];
      return url !== undefined && adminUrl !== undefined ? { url, adminUrl } : undefined;
    });
  }

  /** The first log line of these words, as soon as there is one. */
  says(message: string): Promise<Line> {
    return this.#until(`'${message}'`, () => this.lines.find(({ msg }) => msg === message));
  }

  /** @returns its exit code. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.#child.kill(signal);
    await this.#exited;
    return this.#child.exitCode;
  }

  async #until<T>(what: string, look: () => T | undefined): Promise<T> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const found = look();
      if (found !== undefined) {
        return found;
      }
      const ending = this.#child.exitCode ?? this.#child.signalCode;
      if (ending !== null || Date.now() > deadline) {
        throw new Error(`Expected ${what}; the process (exit ${ending}) said: ${this.output}`);
      }
      await sleep(POLL_INTERVAL);
    }
  }

  #read(piece: string): void {
    try {
      this.lines.push(JSON.parse(piece) as Line);
    } catch {
      this.noise += `${piece}\n`;
    }
  }
}
