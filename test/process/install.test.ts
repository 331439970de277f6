import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { eventually } from "./bailiwickProcess.ts";

const INSTALL = join(import.meta.dirname, "../../scripts/install.sh");

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "bailiwick-install-"));
  for (const folder of ["scripts", "bin", "path"]) {
    mkdirSync(join(root, folder));
  }
  copyFileSync(INSTALL, join(root, "scripts/install.sh"));
  writeFileSync(join(root, "package-lock.json"), "{}\n");
  program("bin/node", "exit 0");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function program(path: string, script: string): void {
  writeFileSync(join(root, path), `#!/bin/sh\n${script}\n`);
  chmodSync(join(root, path), 0o755);
}

/** As a terminal starts it: in a process group of its own. */
function install() {
  const child = spawn("sh", ["scripts/install.sh"], {
    cwd: root,
    env: { PATH: `${join(root, "path")}:${process.env.PATH}` },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  return {
    interrupt: () => process.kill(-(child.pid ?? Number.NaN), "SIGINT"),
    exit: once(child, "close").then(([code, signal]) => ({ code, signal, output })),
  };
}

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** An npm that leaves half a package and, like the real one, is long in ending; a process of its own does likewise. */
const STUBBORN =
  "trap '' INT TERM; mkdir -p node_modules/half; sh -c 'echo $$ >>pids; exec sleep 600' & echo $$ >>pids; wait";
const WORKING =
  '[ -z "$(ls node_modules)" ] || [ ! -e node_modules/half ] || exit 1; mkdir -p node_modules/.bin node_modules/whole';

describe("the install of the dependencies", () => {
  it("ends at once with Ctrl-C, with all that npm has started, and says so", async () => {
    program("path/npm", STUBBORN);
    const first = install();
    const pids = () =>
      existsSync(join(root, "pids"))
        ? readFileSync(join(root, "pids"), "utf8").trim().split("\n").map(Number)
        : [];
    await eventually(() => pids().length === 2);
    first.interrupt();
    expect(await first.exit).toMatchObject({
      signal: "SIGINT",
      output: expect.stringMatching(/\nbailiwick: stopped; the dependencies are not installed yet/),
    });
    await eventually(() => !pids().some(isRunning));
    expect(existsSync(join(root, "node_modules/.bailiwick-lock"))).toBe(false);

    // Half a package would be taken for a whole one.
    program("path/npm", WORKING);
    expect(await install().exit).toMatchObject({
      code: 0,
      output: expect.stringContaining("The last install was not finished"),
    });
    expect(existsSync(join(root, "node_modules/whole"))).toBe(true);
  });

  it("is done once, and keeps what is there when the lock file has changed", async () => {
    program("path/npm", WORKING);
    expect(await install().exit).toMatchObject({ code: 0 });
    expect(await install().exit).toMatchObject({ code: 0, output: "" });
    writeFileSync(join(root, "package-lock.json"), "{ }\n");
    program("path/npm", "[ -d node_modules/whole ]");
    expect(await install().exit).toMatchObject({
      code: 0,
      output: "Installing dependencies (a minute or two, once) …\n",
    });
  });

  it("keeps what was there when npm fails, which puts it back itself", async () => {
    program("path/npm", WORKING);
    await install().exit;
    writeFileSync(join(root, "package-lock.json"), "{ }\n");
    program("path/npm", "exit 1");
    expect(await install().exit).toMatchObject({ code: 2 });
    program("path/npm", "[ -d node_modules/whole ]");
    expect(await install().exit).toMatchObject({ code: 0 });
  });
});
