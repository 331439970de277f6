import type { DatabaseUrls } from "./databaseUrls.ts";
import { databaseName } from "./databaseUrls.ts";
import { withClient } from "./withClient.ts";

/**
 * Makes a database that is a copy of another one of the same server, its privileges included. Nobody may be connected to
 * the template meanwhile.
 *
 * @param name of lower-case letters, digits and `_`.
 */
export async function cloneDatabase(template: DatabaseUrls, name: string): Promise<void> {
  const source = databaseName(template.superuser);
  await withClient(template.root, async (client) => {
    await client.query(`create database ${name} template ${client.escapeIdentifier(source)}`);
    // A clone starts with the privileges of any new database: PUBLIC could make temporary tables in it.
    await client.query(
      `update pg_catalog.pg_database clone set datacl = source.datacl
       from pg_catalog.pg_database source where clone.datname = $1 and source.datname = $2`,
      [name, source],
    );
  });
}

/** Drops a clone, whoever is still connected to it. */
export async function dropClone(template: DatabaseUrls, name: string): Promise<void> {
  await withClient(template.root, (client) => client.query(`drop database if exists ${name} with (force)`));
}
