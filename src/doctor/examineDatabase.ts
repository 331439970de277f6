import { status } from "graphile-migrate";
import type { Logger } from "pino";

import type { Config } from "../config.ts";
import type { DatabaseUrls } from "../database/databaseUrls.ts";
import { withMigrateSettings } from "../database/migrateSettings.ts";
import { findDatabase } from "../database/openDatabase.ts";
import { withClient } from "../database/withClient.ts";
import { describeFailure } from "../describeFailure.ts";
import { finding, fine, type Observation, usesEmbedded } from "./examine.ts";
import { connectionAdvice } from "./examineConnections.ts";

const OLDEST_VERSION = 15;
const NEWEST_VERSION = 18;
const WRONG_PASSWORD = "28P01";

/** Looks at the database that the configuration names, if it runs. */
export async function examineDatabase(config: Config, logger: Logger): Promise<Observation[]> {
  const database = findDatabase(config);
  if (database === null) {
    return usesEmbedded(config)
      ? [fine("database", "The embedded Postgres does not run; 'npm start' starts it.")]
      : [];
  }
  try {
    return [
      await examineServer(database.urls.superuser),
      await examineGatewayRole(database.urls),
      await examineMigrations(database.urls, logger),
    ];
  } catch (error) {
    const isPassword = (error as { code?: unknown }).code === WRONG_PASSWORD;
    const advice = isPassword ? "its password is wrong" : connectionAdvice(error);
    const sentence = advice
      ? `DATABASE_URL cannot be used: ${advice}.`
      : `${describeFailure(error)}: check DATABASE_URL, and 'npx bailiwick migrate up'.`;
    return [finding("database", sentence)];
  }
}

async function examineServer(url: string): Promise<Observation> {
  const [row] = await query<{ version: string }>(url, "select current_setting('server_version') as version");
  const major = Number.parseInt(row?.version ?? "", 10);
  return major >= OLDEST_VERSION && major <= NEWEST_VERSION
    ? fine("database", `Postgres ${row?.version} answers.`)
    : finding(
        "database",
        `Postgres ${row?.version} answers; ${OLDEST_VERSION} to ${NEWEST_VERSION} are supported.`,
      );
}

async function examineGatewayRole({ gateway }: DatabaseUrls): Promise<Observation> {
  const [role] = await query<{ name: string; isPowerful: boolean }>(
    gateway,
    `\
select rolname as name, rolsuper or rolbypassrls or rolinherit as "isPowerful"
from pg_catalog.pg_roles
where rolname = session_user`,
  );
  return role === undefined || role.isPowerful
    ? finding(
        "database",
        `The gateway logs in as '${role?.name}', who is a superuser, bypasses row security or inherits: let it be app_authenticator.`,
      )
    : fine("database", `The gateway logs in as '${role.name}', who may do nothing by itself.`);
}

async function examineMigrations(urls: DatabaseUrls, logger: Logger): Promise<Observation> {
  const { remainingMigrations = [] } = await withMigrateSettings({ urls, logger }, (settings) =>
    status(settings),
  );
  return remainingMigrations.length > 0
    ? finding(
        "database",
        `${remainingMigrations.length} migrations are pending: run 'npx bailiwick migrate up'.`,
      )
    : fine("database", "Every committed migration has run.");
}

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  return withClient(url, async (client) => (await client.query<Row>(text)).rows);
}
