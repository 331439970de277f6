import { setTimeout as sleep } from "node:timers/promises";

import type { Logger } from "pino";

import { databaseName } from "../database/databaseUrls.ts";
import { withClient } from "../database/withClient.ts";
import { anchorFileOf } from "./anchors.ts";
import type { AuditConfig } from "./parseAudit.ts";
import { retainEvents } from "./retainEvents.ts";
import { readPublicKeys, readSigningKey, trustedKeys } from "./signingKeys.ts";
import type { SignedTombstone } from "./tombstones.ts";

/** Milliseconds. Months are removed: a day more or less does not matter. */
const INTERVAL = 24 * 3_600_000;
/** Milliseconds after the start, in which the sealer makes its first key and the queue is worked off. */
const FIRST_DELAY = 60_000;

/**
 * Once a day, removes what the audit has kept for long enough. Beside the sealer and not in the queue: it needs the key that
 * signs tombstones, which no job has. Any number of processes may run one: they take turns.
 *
 * @param url connection of `app_sealer`.
 * @returns what ends it, after the month that it is at.
 */
export function startRetention(
  config: AuditConfig,
  { url, logger }: { url: string; logger: Logger },
): () => Promise<void> {
  const scoped = logger.child({ scope: "retention" });
  const ending = new AbortController();
  const wait = (delay: number) => sleep(delay, undefined, { signal: ending.signal }).catch(() => undefined);
  const repeat = async () => {
    await wait(FIRST_DELAY);
    while (!ending.signal.aborted) {
      await retainOnce(config, url).then(
        (tombstones) => tombstones.forEach((tombstone) => sayRemoved(scoped, tombstone)),
        (error: unknown) => scoped.error({ err: error }, "Old events of the audit cannot be removed"),
      );
      await wait(INTERVAL);
    }
  };
  const ended = repeat();
  return () => {
    ending.abort();
    return ended;
  };
}

/**
 * Removes what may go now.
 *
 * @returns the new tombstones; none where there is no key or no folder for exports.
 */
export async function retainOnce(config: AuditConfig, url: string): Promise<SignedTombstone[]> {
  const { keyFolder, exportFolder } = config;
  const key = keyFolder && readSigningKey(keyFolder);
  if (!keyFolder || !key || exportFolder === null) {
    return [];
  }
  const options = {
    key,
    keys: trustedKeys(readPublicKeys(keyFolder)),
    anchorFile: anchorFileOf(config, url),
    exportFolder,
    databaseName: databaseName(url),
  };
  return withClient(url, (client) => retainEvents(client, options));
}

function sayRemoved(logger: Logger, { sequence, eventCount, fileName }: SignedTombstone): void {
  logger.info({ tombstone: sequence, eventCount, fileName }, "A month of the audit was exported and removed");
}
