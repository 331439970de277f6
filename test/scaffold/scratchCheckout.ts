import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const PROJECT_ROOT = join(import.meta.dirname, "../..");
const LEFT_OUT = new Set(["node_modules", ".git", ".data"]);
/** What a command of the checkout may see of the environment that the tests run in. */
const PASSED_ON = ["PATH", "HOME", "TEST_POSTGRES_VERSION"];

export interface Run {
  code: number;
  output: string;
}

export interface ScratchCheckout {
  root: string;
  /** Runs a program of the checkout, such as `bin/bailiwick`, in its root. */
  run(program: string, ...args: string[]): Promise<Run>;
  /** A hash of every file by its path, to compare with. */
  files(): Map<string, string>;
  remove(): void;
}

/** A copy of this checkout that a test may change; its dependencies are this one's. */
export function makeScratchCheckout(): ScratchCheckout {
  const root = mkdtempSync(join(tmpdir(), "bailiwick-checkout-"));
  // As root, Postgres runs as `nobody`, who must be able to pass through.
  chmodSync(root, 0o755);
  for (const name of readdirSync(PROJECT_ROOT).filter((entry) => !LEFT_OUT.has(entry))) {
    cpSync(join(PROJECT_ROOT, name), join(root, name), { recursive: true });
  }
  symlinkSync(join(PROJECT_ROOT, "node_modules"), join(root, "node_modules"));
  const env = Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]]));
  return {
    root,
    run: (program, ...args) =>
      new Promise((resolve) => {
        execFile(
          join(root, program),
          args,
          { cwd: root, env: { ...env, NODE_ENV: "test", GRAPHILE_ENV: "test" } },
          (error, stdout, stderr) =>
            resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
        );
      }),
    files: () =>
      new Map(
        readdirSync(root)
          .filter((entry) => !LEFT_OUT.has(entry))
          .flatMap((entry) => filesBelow(join(root, entry)))
          .map((file) => [
            relative(root, file),
            createHash("sha256").update(readFileSync(file)).digest("hex"),
          ]),
      ),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

function filesBelow(path: string): string[] {
  return statSync(path).isFile()
    ? [path]
    : readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
}
