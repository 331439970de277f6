import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";

import { DatabaseError } from "pg";

import { databaseName, MAINTENANCE_DATABASE, withDatabase } from "../databaseUrls.ts";
import { withClient } from "../withClient.ts";
import { embeddedBinaries, type EmbeddedVersion } from "./binaries.ts";
import { createCluster, startServer, stopServer } from "./cluster.ts";
import { withFolderLock } from "./exclusive.ts";
import { instancesOf } from "./instances.ts";
import type { PgProgram } from "./pgProgram.ts";
import { findPostmaster, type Postmaster } from "./postmaster.ts";
import { developmentSecrets } from "./secrets.ts";
import { serverAccount } from "./serverAccount.ts";

export interface EmbeddedPostgresOptions {
  /** Absolute path; made if it is not there. */
  dataDir: string;
  version?: EmbeddedVersion;
  /** The database that `superuserUrl` names; made if it is not there. */
  database?: string;
  /** For tests: faster, and a crash of the machine may lose everything. */
  isThrowAway?: boolean;
}

export interface EmbeddedPostgres {
  /** On 127.0.0.1. */
  port: number;
  superuserUrl: string;
  isRunning(): boolean;
  /** Starts the server again if it was killed, on the same port as long as that is free. */
  restart(): Promise<void>;
  /** Leaves the server; the last process that does so stops it. Safe to call twice. */
  stop(): Promise<void>;
}

export const DEFAULT_DATABASE = "bailiwick";

const DEFAULT_VERSION: EmbeddedVersion = 18;
const INVALID_PASSWORD = "28P01";

/**
 * Starts the embedded Postgres of a data folder, or adopts the one that runs there already: a second process on the
 * same folder shares the server, and one that a killed process left behind is taken over.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, version = DEFAULT_VERSION, database = DEFAULT_DATABASE, isThrowAway = false } = options;
  prepareDataDir(dataDir);
  const clusterDir = clusterFolder(dataDir, version);
  assertOwnCluster(clusterDir);
  const account = serverAccount(clusterDir);
  const program: PgProgram = { binaries: embeddedBinaries(version, account), account, clusterDir };
  const { superuserPassword } = developmentSecrets(dataDir);
  const instances = instancesOf(clusterDir);

  const leave = () =>
    withFolderLock(dataDir, async () => {
      if (instances.leave() === 0) {
        await stopServer(program);
      }
    });

  const start = () => startServer(program, { portFile: `${clusterDir}.port`, isThrowAway });

  const { postmaster, superuserUrl } = await withFolderLock(dataDir, async () => {
    instances.join();
    await createCluster(program, superuserPassword);
    const started = await start();
    const url = makeSuperuserUrl(started.port, superuserPassword, database);
    await ensureDatabase(url, dataDir);
    return { postmaster: started, superuserUrl: url };
  }).catch(async (error: unknown) => {
    await leave();
    throw error;
  });

  let leaving: Promise<void> | undefined;
  const stop = () => (leaving ??= leave());
  return {
    port: postmaster.port,
    superuserUrl,
    isRunning: () => findPostmaster(clusterDir) !== null,
    restart: async () => void (await withFolderLock(dataDir, start)),
    stop,
  };
}

/** The server of a data folder if it runs right now; nothing is started. */
export function findEmbeddedPostgres(
  dataDir: string,
  version: EmbeddedVersion = DEFAULT_VERSION,
): (Postmaster & { superuserUrl: string }) | null {
  const postmaster = findPostmasterIn(clusterFolder(dataDir, version));
  if (postmaster === null) {
    return null;
  }
  const { superuserPassword } = developmentSecrets(dataDir);
  return {
    ...postmaster,
    superuserUrl: makeSuperuserUrl(postmaster.port, superuserPassword, DEFAULT_DATABASE),
  };
}

function findPostmasterIn(clusterDir: string): Postmaster | null {
  return statSync(clusterDir, { throwIfNoEntry: false }) === undefined ? null : findPostmaster(clusterDir);
}

/** Where the cluster of one version lies in a data folder. */
export function clusterFolder(dataDir: string, version: EmbeddedVersion): string {
  return join(dataDir, `postgres-${version}`);
}

function makeSuperuserUrl(port: number, password: string, database: string): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
}

function prepareDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new Error(
      `Cannot write to the data folder '${dataDir}': make it writable, or set DATA_DIR to a folder that is.`,
      { cause },
    );
  }
}

function assertOwnCluster(clusterDir: string): void {
  const owner = statSync(clusterDir, { throwIfNoEntry: false })?.uid;
  const self = process.getuid?.();
  if (owner !== undefined && self !== 0 && owner !== self) {
    throw new Error(
      `'${clusterDir}' belongs to user ${owner} and this is user ${self}: run as root or as that user, or set DATA_DIR to another folder.`,
    );
  }
}

async function ensureDatabase(superuserUrl: string, dataDir: string): Promise<void> {
  const database = databaseName(superuserUrl);
  try {
    await withClient(withDatabase(superuserUrl, MAINTENANCE_DATABASE), async (client) => {
      const { rowCount } = await client.query("select from pg_catalog.pg_database where datname = $1", [
        database,
      ]);
      if (rowCount === 0) {
        await client.query(`create database ${client.escapeIdentifier(database)}`);
      }
    });
  } catch (cause) {
    if (cause instanceof DatabaseError && cause.code === INVALID_PASSWORD) {
      throw new Error(
        `The password in '${join(dataDir, "secrets.json")}' does not fit the cluster beside it; restore the file, or start over with an empty DATA_DIR.`,
        { cause },
      );
    }
    throw cause;
  }
}
