import { readFile } from "node:fs/promises";

import type { Client, ClientBase } from "pg";

import { reportAccess } from "../access/reportAccess.ts";
import { readOwnWaivers } from "../access/waivers.ts";
import type { Anchor } from "../audit/anchors.ts";
import type { KeyRing } from "../audit/signingKeys.ts";
import { verifyAudit } from "../audit/verifyAudit.ts";
import { catalogSnapshot, describeCatalogDrift } from "../database/catalogSnapshot.ts";
import { CATALOG_FILE } from "../database/migrationsFolder.ts";
import type { OpenDatabase } from "../database/openDatabase.ts";
import { withClient } from "../database/withClient.ts";
import { finding, fine, type Observation } from "../doctor/examine.ts";
import { examineSignIns } from "../doctor/examineConnections.ts";
import { type BackupManifest, fileProblem, readManifest } from "./backupManifest.ts";
import { compareMigrations } from "./compareMigrations.ts";
import { type DatabaseContents, readContents } from "./readContents.ts";

export interface VerifyOptions {
  file: string;
  /** Public keys of the audit, kept outside of the database. */
  keys: KeyRing;
  /** Anchors of the database that was backed up, those of later checkpoints too; absent where none are at hand. */
  anchors?: AsyncIterable<Anchor>;
  /** Called with what is being done. */
  onStep?: (step: string) => void;
}

const SNAPSHOT = "begin isolation level repeatable read read only";
/** Of differences that are told. */
const LINES = 20;

/**
 * Holds a database that was restored, and that nobody has used since, against its backup's manifest and against itself.
 * Reads only, and goes on after a finding.
 */
export async function verifyBackup(
  { config, urls }: Pick<OpenDatabase, "config" | "urls">,
  { file, keys, anchors, onStep = () => undefined }: VerifyOptions,
): Promise<Observation[]> {
  const manifest = await readManifest(file);
  onStep("reading the file");
  const problem = await fileProblem(file, manifest);
  const observations = [
    problem === null
      ? fine("file", `'${file}' is as it was written on ${manifest.madeAt}.`)
      : finding("file", problem),
  ];
  await withClient(urls.superuser, async (client) => {
    onStep("counting rows");
    const contents = await inSnapshot(client, () => readContents(client));
    observations.push(
      ...(await inSnapshot(client, () => compareMigrations(client, manifest.migration))),
      await compareCatalog(client, contents, manifest),
      ...compareRows(contents.rows, manifest.rows),
    );
    onStep("checking access");
    observations.push(...(await examineAccess(client)));
    onStep("verifying the audit");
    observations.push(await inSnapshot(client, () => examineAudit(client, manifest, { keys, anchors })));
  });
  onStep("signing in");
  return [...observations, ...(await examineSignIns(config, urls.superuser))];
}

async function inSnapshot<T>(client: ClientBase, read: () => Promise<T>): Promise<T> {
  await client.query(SNAPSHOT);
  try {
    return await read();
  } finally {
    await client.query("rollback");
  }
}

/** The same migrations make the same catalogue: what else it has become, this release can name line by line. */
async function compareCatalog(
  client: Client,
  { catalog }: DatabaseContents,
  manifest: BackupManifest,
): Promise<Observation> {
  if (catalog === manifest.catalog) {
    return fine(
      "schema",
      "Tables, policies, grants, owners, triggers and functions are as they were dumped.",
    );
  }
  const release = await readFile(CATALOG_FILE, "utf8");
  const drift = describeCatalogDrift(release, await catalogSnapshot(client), LINES);
  const differences = drift ? `; it differs from this release's migrations/catalog.txt:\n${drift}` : ".";
  return finding("schema", `The schema is not the one that was dumped${differences}`);
}

function compareRows(found: Record<string, number>, dumped: Record<string, number>): Observation[] {
  const names = [...new Set([...Object.keys(dumped), ...Object.keys(found)])].sort();
  const differing = names.filter((name) => found[name] !== dumped[name]);
  const total = Object.values(dumped).reduce((sum, count) => sum + count, 0);
  const said = (count: number | undefined) => (count === undefined ? "is not there" : `has ${count} rows`);
  return differing.length === 0
    ? [fine("rows", `${total} rows in ${names.length} tables, as many as were dumped.`)]
    : differing.map((name) =>
        finding("rows", `${name} ${said(found[name])} here; in the backup it ${said(dumped[name])}.`),
      );
}

async function examineAccess(client: Client): Promise<Observation[]> {
  const { open, rules, waived } = await reportAccess(client, { waivers: await readOwnWaivers() });
  return open.length === 0
    ? [
        fine(
          "access",
          `Row security is on and forced everywhere; ${rules.length} rules find nothing (${waived.length} waived).`,
        ),
      ]
    : open.map(({ rule, object, detail }) => finding("access", `${rule} ${object}: ${detail}`));
}

async function examineAudit(
  client: ClientBase,
  { checkpoint }: BackupManifest,
  { keys, anchors }: Pick<VerifyOptions, "keys" | "anchors">,
): Promise<Observation> {
  const report = await verifyAudit(client, {
    keys,
    ...(anchors && { anchors: anchorsUpTo(anchors, BigInt(checkpoint ?? 0)) }),
  });
  const { checkpoints, events, unsealed, problem } = report;
  if (problem !== null) {
    const where = problem.checkpoint ? `Checkpoint ${problem.checkpoint}: ` : "";
    const hint =
      keys.size === 0 ? " No public key is here: put AUDIT_KEY_FOLDER back first, from its own backup." : "";
    return finding("audit", `${where}${problem.message}${hint}`);
  }
  const compared = anchors
    ? `compared with ${report.anchors.count} anchors`
    : "without anchors to compare with";
  return fine(
    "audit",
    `${checkpoints} checkpoints and ${events} events are as they were sealed, ${compared}; ${unsealed.count} events were not sealed yet.`,
  );
}

/** Those of later checkpoints are evidence of what came after the backup. */
async function* anchorsUpTo(anchors: AsyncIterable<Anchor>, last: bigint): AsyncGenerator<Anchor> {
  for await (const anchor of anchors) {
    if (BigInt(anchor.sequence) <= last) {
      yield anchor;
    }
  }
}
