import { setTimeout as sleep } from "node:timers/promises";

import type { Pool } from "pg";
import type { Logger } from "pino";

import type { Config } from "../config.ts";
import { makePool } from "../database/makePool.ts";
import { anchorFileOf } from "./anchors.ts";
import { appendMissingAnchors } from "./appendMissingAnchors.ts";
import { sealEvents } from "./sealEvents.ts";
import { createSigningKey, readSigningKey, type SigningKey } from "./signingKeys.ts";

export interface RunningSealer {
  /** Lets the seal that is being made be finished. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Seals what has come on record, every `sealInterval`, and anchors it outside of the database. Any number of processes may
 * run one: they take turns.
 *
 * @param url connection of `app_sealer`.
 */
export function startSealer(
  { audit: config, environment }: Pick<Config, "audit" | "environment">,
  { url, logger }: { url: string; logger: Logger },
): RunningSealer {
  const scoped = logger.child({ scope: "sealer" });
  if (config.keyFolder === null) {
    scoped.warn("The audit is not sealed: AUDIT_KEY_FOLDER is not set");
    return { close: async () => undefined };
  }
  const key = readSigningKey(config.keyFolder) ?? makeFirstKey(config.keyFolder, environment, scoped);
  const pool = makePool(url, { max: 1, applicationName: "bailiwick sealer" }, scoped);
  const ending = new AbortController();
  const anchorFile = anchorFileOf(config, url);
  const seal = () => sealAll(pool, key, anchorFile);
  const ended = repeat(seal, config.sealInterval, scoped, ending.signal);
  let closing: Promise<void> | undefined;
  const close = async () => {
    ending.abort();
    await ended;
    await pool.end();
  };
  return { close: () => (closing ??= close()) };
}

/** One seal, or as many as there are full batches, and their anchors. @returns how many seals were made. */
export async function sealAll(pool: Pool, key: SigningKey, anchorFile: string): Promise<number> {
  const client = await pool.connect();
  try {
    let count = 0;
    while ((await sealEvents(client, key)) !== null) {
      count++;
    }
    await appendMissingAnchors(client, anchorFile);
    client.release();
    return count;
  } catch (error) {
    client.release(error as Error);
    throw error;
  }
}

async function repeat(
  seal: () => Promise<number>,
  interval: number,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  let known = "";
  while (!signal.aborted) {
    const problem = await seal().then(
      () => "",
      (error: Error) => error.message,
    );
    // Said once, not every few seconds.
    if (problem !== known) {
      known = problem;
      logger[problem ? "error" : "info"]({ problem }, `The audit ${problem ? "cannot be" : "is"} sealed`);
    }
    await sleep(interval, undefined, { signal }).catch(() => undefined);
  }
}

function makeFirstKey(folder: string, environment: Config["environment"], logger: Logger): SigningKey {
  const { keyId } = createSigningKey(folder);
  // Whoever holds the key could seal another history: that it is this one is for an operator to know.
  logger[environment === "production" ? "warn" : "info"](
    { keyId },
    "Made the first key that seals the audit; keep a note of its id",
  );
  const key = readSigningKey(folder);
  if (!key) {
    throw new Error(`The key of ${folder} was removed.`);
  }
  return key;
}
