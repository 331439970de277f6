import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { eventually as eventuallyWithin } from "../support/eventually.ts";
import type { ScratchProject } from "./scratchProject.ts";

const PATIENCE = 120_000;
const POLL_INTERVAL = 50;

export interface Exit {
  code: number | null;
  output: string;
}

/** `bailiwick <command>` as a process of its own, on ports that the kernel chooses. */
export class BailiwickProcess {
  #output = "";
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor({ root, dataDir }: ScratchProject, args: string[], env: Record<string, string> = {}) {
    this.#child = spawn(join(root, "bin/bailiwick"), args, {
      cwd: root,
      env: {
        PATH: process.env.PATH,
        DATA_DIR: dataDir,
        PORT: "0",
        ADMIN_PORT: "0",
        LOG_LEVEL: "warn",
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
    this.#exited = once(this.#child, "close");
  }

  /** Resolves with the matches of the pattern in what the process has written so far, as soon as there are any. */
  async says(pattern: RegExp, patience = PATIENCE): Promise<RegExpExecArray> {
    const deadline = Date.now() + patience;
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) {
        return match;
      }
      const ending = this.#child.exitCode ?? this.#child.signalCode;
      if (ending !== null || Date.now() > deadline) {
        throw new Error(`Expected ${pattern}; the process (exit ${ending}) said:\n${this.#output}`);
      }
      await sleep(POLL_INTERVAL);
    }
  }

  /** Posts a GraphQL query to the gateway that the process said it serves. */
  async query(
    query: string,
  ): Promise<{ data: Record<string, unknown> | null; errors?: { message: string }[] }> {
    const [, url] = await this.says(/GraphQL\s+(http\S+)/);
    const response = await fetch(url ?? "", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ query }),
    });
    return (await response.json()) as Awaited<ReturnType<BailiwickProcess["query"]>>;
  }

  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<Exit> {
    this.#child.kill(signal);
    return this.exit();
  }

  async exit(): Promise<Exit> {
    await this.#exited;
    return { code: this.#child.exitCode, output: this.#output };
  }
}

/** Waits until the function returns true, as long as a process may take to start. */
export function eventually(isTrue: () => boolean | Promise<boolean>, patience = PATIENCE): Promise<void> {
  return eventuallyWithin(isTrue, patience);
}
