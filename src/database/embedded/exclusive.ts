import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const RETRY_INTERVAL = 50;
const TIMEOUT = 90_000;

/**
 * Runs `fn` while no other process does so for the same folder; waits at most 90 seconds for its turn.
 * The lock is an abstract Unix socket: the kernel drops it with its process, so there is no stale lock file.
 */
export async function withFolderLock<T>(folder: string, fn: () => Promise<T>): Promise<T> {
  const digest = createHash("sha256").update(realpathSync(folder)).digest("hex").slice(0, 32);
  const server = await takeLock(`\0bailiwick-${digest}`, folder);
  try {
    return await fn();
  } finally {
    server.close();
    await once(server, "close");
  }
}

async function takeLock(address: string, folder: string): Promise<Server> {
  const deadline = Date.now() + TIMEOUT;
  for (;;) {
    const server = createServer().listen(address);
    try {
      await once(server, "listening");
      return server;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") {
        throw error;
      }
      if (Date.now() > deadline) {
        throw new Error(
          `Another process has been starting or stopping the Postgres of '${folder}' for ${TIMEOUT / 1000} s; end it and try again.`,
          { cause: error },
        );
      }
      await sleep(RETRY_INTERVAL);
    }
  }
}
