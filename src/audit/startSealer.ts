import { setTimeout as sleep } from "node:timers/promises";

import type { Pool } from "pg";
import type { Logger } from "pino";

import type { Config } from "../config.ts";
import { makePool } from "../database/makePool.ts";
import { anchorFileOf } from "./anchors.ts";
import { appendMissingAnchors } from "./appendMissingAnchors.ts";
import { sealEvents } from "./sealEvents.ts";
import { createSigningKey, readSigningKey, type SigningKey } from "./signingKeys.ts";

/** What one round did. */
export interface Sealed {
  /** How many checkpoints it made. */
  checkpoints: number;
  /**
   * How many anchors it wrote because the file had lost them, or never had them: they say what the database says now, and are
   * evidence of nothing earlier.
   */
  rewritten: number;
}

export const ANCHORS_REWRITTEN =
  "The file of anchors was missing or empty, and was written anew from the database: compare a copy of it with it, by 'npx bailiwick audit verify --anchor'";

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

/** One seal, or as many as there are full batches, and their anchors. */
export async function sealAll(pool: Pool, key: SigningKey, anchorFile: string): Promise<Sealed> {
  const client = await pool.connect();
  try {
    let checkpoints = 0;
    while ((await sealEvents(client, key)) !== null) {
      checkpoints++;
    }
    const { count, isAnew } = await appendMissingAnchors(client, anchorFile);
    client.release();
    // The first checkpoint of all may be another process's, a moment ago.
    return { checkpoints, rewritten: isAnew && count > Math.max(checkpoints, 1) ? count : 0 };
  } catch (error) {
    client.release(error as Error);
    throw error;
  }
}

async function repeat(
  seal: () => Promise<Sealed>,
  interval: number,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  let known = "";
  while (!signal.aborted) {
    const problem = await seal().then(
      ({ rewritten }) => {
        if (rewritten > 0) {
          logger.warn({ anchors: rewritten }, ANCHORS_REWRITTEN);
        }
        return "";
      },
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
