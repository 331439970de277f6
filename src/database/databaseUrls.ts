import type { DatabaseConfig } from "../config.ts";
import { LOGIN_ROLES, type LoginRole, rolePassword } from "./loginRoles.ts";

/** One connection string for each thing that connects. All but `root` and `shadow` name the application's database. */
export interface DatabaseUrls {
  /** The administrative connection (DATABASE_URL, or the embedded server's superuser). */
  superuser: string;
  /** The same to the maintenance database: to drop and create databases. */
  root: string;
  /** `app_migrator` acting as `app_owner`: DDL. */
  owner: string;
  /** As `owner`, to the database that graphile-migrate tries migrations on. */
  shadow: string;
  /** `app_migrator` acting as `app_data`: imports and backfills. */
  data: string;
  /** `app_authenticator`. */
  gateway: string;
  /** `app_worker`. */
  worker: string;
  /** `app_backup`. */
  backup: string;
  /** `app_sealer`. */
  sealer: string;
  /** `app_recorder`. */
  recorder: string;
}

/** Every cluster has it: where databases are dropped and created from. */
export const MAINTENANCE_DATABASE = "postgres";

/** Derives every role's connection from the administrative one; the overrides of the configuration win. */
export function databaseUrls(config: DatabaseConfig, adminUrl: string): DatabaseUrls {
  const migrator = loginUrl(config, adminUrl, "app_migrator");
  const owner = ownerUrl(config, adminUrl);
  return {
    superuser: adminUrl,
    root: withDatabase(adminUrl, MAINTENANCE_DATABASE),
    owner,
    shadow: withDatabase(owner, `${databaseName(adminUrl)}_shadow`),
    data: actingAs(migrator, "app_data"),
    gateway: loginUrl(config, adminUrl, "app_authenticator"),
    worker: loginUrl(config, adminUrl, "app_worker"),
    backup: loginUrl(config, adminUrl, "app_backup"),
    sealer: loginUrl(config, adminUrl, "app_sealer"),
    recorder: loginUrl(config, adminUrl, "app_recorder"),
  };
}

/**
 * The connection of one login role: its own if one is configured, else the administrative one with the role's name and
 * derived password.
 *
 * @param adminUrl null where none is configured; then the role needs a connection of its own.
 */
export function loginUrl(config: DatabaseConfig, adminUrl: string | null, role: LoginRole): string {
  const override = config[LOGIN_ROLES[role]];
  if (override !== null) {
    return override;
  }
  if (adminUrl === null || config.roleSecret === null) {
    throw new Error(
      `Connecting as ${role} takes DATABASE_URL and ROLE_SECRET, or a connection string of its own (see .env.example).`,
    );
  }
  return withCredentials(adminUrl, role, rolePassword(config.roleSecret, role));
}

/** `app_migrator` acting as `app_owner`. */
function ownerUrl(config: DatabaseConfig, adminUrl: string | null): string {
  return actingAs(loginUrl(config, adminUrl, "app_migrator"), "app_owner");
}

/** The database that a connection string names. */
export function databaseName(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}

/** The same connection to another database of the server. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.href;
}

function withCredentials(url: string, user: string, password: string): string {
  const changed = new URL(url);
  changed.username = user;
  changed.password = password;
  return changed.href;
}

/** `role` as a start-up option, not a SET: `reset role` inside a migration then returns to it. */
function actingAs(url: string, role: string): string {
  const changed = new URL(url);
  changed.searchParams.set("options", `-c role=${role}`);
  // URLSearchParams writes a blank as '+', which Postgres' clients take literally.
  return changed.href.replace("options=-c+role", "options=-c%20role");
}
