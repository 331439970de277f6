/** A check of `npm test` as a process of its own, with the environment that tests may see. */
import { spawn } from "node:child_process";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..");

/** What a developer's shell may hold and a test must not see: tests make their own databases and secrets. */
const FOREIGN_VARIABLES =
  /^(PG[A-Z]+|(\w+_)?DATABASE_URL|DATA_DIR|JWT_\w+|JWKS_URI|(STRIPE|CLERK)_WEBHOOK_SECRET|ROLE_SECRET|PORT|HOST|ADMIN_PORT)$/;

/** Where a check's output goes: to the terminal as it comes, or there in one piece when it is done. */
export type Output = "as it comes" | "in one piece";

const running = new Set<ReturnType<typeof spawn>>();

interface RunOptions {
  env?: NodeJS.ProcessEnv;
  output?: Output;
}

/** @returns the exit code of `node …args` in the repository's root; 1 when a signal ended it. */
export function runNode(args: string[], { env, output = "as it comes" }: RunOptions = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = output === "as it comes" ? "inherit" : "pipe";
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ["ignore", stream, stream],
      env: { ...cleanEnvironment(), ...env },
    });
    const kept: Buffer[] = [];
    for (const each of [child.stdout, child.stderr]) {
      each?.on("data", (piece: Buffer) => kept.push(piece));
    }
    running.add(child);
    child.once("error", reject);
    child.once("close", (code) => {
      running.delete(child);
      process.stdout.write(Buffer.concat(kept));
      resolve(code ?? 1);
    });
  });
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !FOREIGN_VARIABLES.test(name));
  return { ...Object.fromEntries(kept), NODE_ENV: "test", GRAPHILE_ENV: "test" };
}

/** Passes a signal on to all that run: they stop their databases before they exit. */
export function stopRunning(signal: NodeJS.Signals): void {
  for (const child of running) {
    child.kill(signal);
  }
}
