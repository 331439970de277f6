import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { processStartTime } from "./processIdentity.ts";

/**
 * The processes that use the server of one cluster: a file each, named after its process id and holding the
 * process' start time. One process may use the server several times over. Call only under the folder's lock.
 */
export class Instances {
  readonly #folder: string;
  #own = 0;

  constructor(clusterDir: string) {
    this.#folder = `${clusterDir}.instances`;
  }

  /** Notes that this process uses the server. */
  join(): void {
    mkdirSync(this.#folder, { recursive: true });
    this.#own += 1;
    writeFileSync(join(this.#folder, String(process.pid)), processStartTime(process.pid) ?? "");
  }

  /** Notes that this process has stopped using it; returns how many live users remain. */
  leave(): number {
    this.#own -= 1;
    if (this.#own === 0) {
      rmSync(join(this.#folder, String(process.pid)), { force: true });
    }
    return this.#countLive();
  }

  /** Files of processes that were killed are removed on the way. */
  #countLive(): number {
    let live = 0;
    for (const name of readdirSync(this.#folder)) {
      const file = join(this.#folder, name);
      if (processStartTime(Number(name)) === readFileSync(file, "utf8")) {
        live += 1;
      } else {
        rmSync(file, { force: true });
      }
    }
    return live;
  }
}

const instancesByCluster = new Map<string, Instances>();

/** The same object for the same cluster, so that a process that starts the server twice also stops it only once. */
export function instancesOf(clusterDir: string): Instances {
  const instances = instancesByCluster.get(clusterDir) ?? new Instances(clusterDir);
  instancesByCluster.set(clusterDir, instances);
  return instances;
}
