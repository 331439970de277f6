import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { type Logger as WorkerLogger, runMigrations } from "graphile-worker";
import { type Client, DatabaseError } from "pg";

import { type DatabaseConfig, PROJECT_ROOT } from "../config.ts";
import { INSUFFICIENT_PRIVILEGE } from "../errors/sqlStates.ts";
import type { DatabaseUrls } from "./databaseUrls.ts";
import { LOGIN_ROLES, type LoginRole, rolePassword, scramVerifier } from "./loginRoles.ts";

export interface RoleOptions {
  config: DatabaseConfig;
  /** The folder of the SQL files; a test brings its own. */
  folder?: string;
}

export interface SetupOptions extends RoleOptions {
  urls: Pick<DatabaseUrls, "worker">;
  workerLogger: WorkerLogger;
}

const SETUP_FOLDER = join(PROJECT_ROOT, "migrations/setup");

/** Setup files numbered from here on need graphile-worker's schema and run after it is installed. */
const AFTER_WORKER = 500;

/**
 * Makes what migrations take for granted and only a superuser can make: roles and their passwords, extensions, the
 * queue's schema. Everything re-runs. Call it under the migration lock.
 *
 * @param client an administrative connection to the application's database, outside of any transaction.
 */
export async function setupDatabase(client: Client, options: SetupOptions): Promise<void> {
  const { folder = SETUP_FOLDER, urls, workerLogger } = options;
  await setupRoles(client, options);
  await runMigrations({ connectionString: urls.worker, logger: workerLogger });
  const files = (await setupFiles(folder)).filter((file) => !comesBeforeWorker(file));
  await inRoleTransaction(client, () => runFiles(client, folder, files));
}

/** The part of it without the queue: roles, passwords, extensions, what PUBLIC loses. What a backup takes for granted. */
export async function setupRoles(
  client: Client,
  { config, folder = SETUP_FOLDER }: RoleOptions,
): Promise<void> {
  const files = (await setupFiles(folder)).filter(comesBeforeWorker);
  await inRoleTransaction(client, async () => {
    await runFiles(client, folder, files);
    await setPasswords(client, config);
  });
}

const comesBeforeWorker = (file: string) => Number.parseInt(file, 10) < AFTER_WORKER;

async function setupFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
}

/**
 * Roles belong to the cluster, while the migration lock belongs to a database: the lock on the roles' table keeps
 * setups of two databases apart, which would otherwise fail on each other's changes ("tuple concurrently updated").
 */
async function inRoleTransaction(client: Client, fn: () => Promise<void>): Promise<void> {
  await client.query("begin");
  try {
    await client.query("savepoint roles");
    await client
      .query("lock table pg_catalog.pg_authid in share row exclusive mode")
      .catch(async (error: unknown) => {
        // Somebody else's administrator (a hosted Postgres) may not: then concurrent setups are the only risk.
        if (!(error instanceof DatabaseError && error.code === INSUFFICIENT_PRIVILEGE)) {
          throw error;
        }
        await client.query("rollback to savepoint roles");
      });
    await fn();
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

async function runFiles(client: Client, folder: string, files: string[]): Promise<void> {
  for (const file of files) {
    try {
      await client.query(await readFile(join(folder, file), "utf8"));
    } catch (cause) {
      throw new Error(
        `Setting up the database failed in '${join(folder, file)}': ${(cause as Error).message}`,
        { cause },
      );
    }
  }
}

/** A role whose connection string is configured has a password that somebody else looks after. */
async function setPasswords(client: Client, config: DatabaseConfig): Promise<void> {
  for (const role of Object.keys(LOGIN_ROLES) as LoginRole[]) {
    if (config[LOGIN_ROLES[role]] === null && config.roleSecret !== null) {
      const verifier = client.escapeLiteral(scramVerifier(rolePassword(config.roleSecret, role)));
      await client.query(`alter role ${client.escapeIdentifier(role)} password ${verifier}`);
    }
  }
}
