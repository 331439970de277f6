import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { PROJECT_ROOT } from "../../src/config.ts";

/** Says of which lock file the installed dependencies are. */
const STAMP = "node_modules/.bailiwick-lock";

/** Installs what a folder of the benchmark's own needs, exactly as its lock file says; does nothing when that is there. */
export function installPeers(folder: string, tell: (text: string) => void): void {
  const path = join(PROJECT_ROOT, folder);
  const lock = readFileSync(join(path, "package-lock.json"), "utf8");
  const stamp = join(path, STAMP);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) {
    return;
  }
  tell(`Installing the dependencies of ${folder} …`);
  const { status, stderr } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: path,
    encoding: "utf8",
  });
  if (status !== 0) {
    throw new Error(`npm ci failed in ${folder}: ${stderr}`);
  }
  writeFileSync(stamp, lock);
}
