import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { cpuSeconds } from "../measure/processes.ts";
import type { LoadResult, LoadTask } from "./fire.ts";

interface Answer {
  result?: LoadResult;
  problem?: string;
}

/** Fires requests from a process of its own, so that neither the measuring nor the servers share its event loop. */
export class LoadGenerator {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, "fire.ts"), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });

  /** What the load itself has cost so far, in seconds of a processor. */
  get cpuSeconds(): number {
    return cpuSeconds(this.#child.pid ?? 0);
  }

  async fire(task: LoadTask): Promise<LoadResult> {
    this.#child.send(task);
    const settled = new AbortController();
    const { signal } = settled;
    const answered = once(this.#child, "message", { signal }) as Promise<[Answer]>;
    const ended = once(this.#child, "exit", { signal }).then((): [Answer] => [
      { problem: "The load's process has ended." },
    ]);
    const [{ result, problem }] = await Promise.race([answered, ended]);
    // The other one waits no more; what it says of that is nobody's concern.
    [answered, ended].forEach((each) => each.catch(() => undefined));
    settled.abort();
    if (result === undefined) {
      throw new Error(problem);
    }
    return result;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, "exit");
      this.#child.disconnect();
      await exited;
    }
  }
}
