import type { Logger } from "pino";

import type { Config } from "../config.ts";
import { assertReachable } from "./assertReachable.ts";
import { type DatabaseUrls, databaseUrls, loginUrl } from "./databaseUrls.ts";
import { developmentSecrets } from "./embedded/secrets.ts";
import { findEmbeddedPostgres, startEmbeddedPostgres } from "./embedded/startEmbeddedPostgres.ts";
import { superviseServer } from "./embedded/superviseServer.ts";
import type { LoginRole } from "./loginRoles.ts";

export interface OpenDatabase {
  /** The configuration with the development secrets filled in where the environment names none. */
  config: Config;
  urls: DatabaseUrls;
  /** Leaves the embedded server; does nothing for a server of one's own. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Starts or adopts the embedded server, or takes DATABASE_URL, and works out every connection to it.
 *
 * @param supervisor where a long-running process reads that a killed embedded server was started again; without one,
 *   nobody looks after it.
 */
export async function openDatabase(given: Config, supervisor?: Logger): Promise<OpenDatabase> {
  if (given.database.url !== null) {
    await assertReachable("DATABASE_URL", given.database.url);
    const config = withSecrets(given);
    return { config, urls: databaseUrls(config.database, given.database.url), close: async () => undefined };
  }
  assertEmbeddedAllowed(given);
  const server = await startEmbeddedPostgres({ dataDir: given.database.dataDir });
  try {
    const config = withSecrets(given);
    const urls = databaseUrls(config.database, server.superuserUrl);
    const endSupervision = supervisor && superviseServer(server, supervisor);
    const close = async () => {
      await endSupervision?.();
      await server.stop();
    };
    return { config, urls, close };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** The connections of a database that runs already; null when the embedded server does not. Nothing is started. */
export function findDatabase(given: Config): Omit<OpenDatabase, "close"> | null {
  const url = given.database.url ?? findEmbeddedPostgres(given.database.dataDir)?.superuserUrl;
  if (url === undefined) {
    return null;
  }
  const config = withSecrets(given);
  return { config, urls: databaseUrls(config.database, url) };
}

/**
 * The connection with which a login role serves, for a process that sets nothing up: no administrative connection is
 * opened, and none has to be configured.
 */
export function findLogin(given: Config, role: LoginRole): { config: Config; url: string } {
  const config = withSecrets(given);
  const adminUrl = given.database.url ?? findEmbeddedPostgres(given.database.dataDir)?.superuserUrl ?? null;
  return { config, url: loginUrl(config.database, adminUrl, role) };
}

function assertEmbeddedAllowed(config: Config): void {
  if (config.environment === "production") {
    throw new Error(
      "Production does not use the embedded Postgres: set DATABASE_URL to a server with backups.",
    );
  }
}

/** Production names its secrets itself; parseConfig has seen to it. */
function withSecrets(config: Config): Config {
  const { auth, database, integrations } = config;
  const isIssuedOutside = auth.outside.some(({ issuer }) => issuer === auth.issuer);
  const needsJwtSecret = auth.jwtSecret === null && !isIssuedOutside;
  const needsNothing = database.roleSecret !== null && !needsJwtSecret && integrations.keys !== null;
  if (config.environment === "production" || needsNothing) {
    return config;
  }
  const secrets = developmentSecrets(database.dataDir);
  return {
    ...config,
    auth: needsJwtSecret ? { ...auth, jwtSecret: secrets.jwtSecret } : auth,
    database: { ...database, roleSecret: database.roleSecret ?? secrets.roleSecret },
    integrations: { keys: integrations.keys ?? secrets.integrationKey },
  };
}
