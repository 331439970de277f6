import { getAllMigrations } from "graphile-migrate/dist/migration.js";
import type { ParsedSettings } from "graphile-migrate/dist/settings.js";
import type { ClientBase } from "pg";

import { MIGRATIONS_FOLDER } from "../database/migrationsFolder.ts";
import { finding, fine, type Observation } from "../doctor/examine.ts";
import type { RanMigration } from "./readContents.ts";

interface RanRow extends RanMigration {
  previous: string | null;
}

/** Holds what ran in a database against what had run when it was dumped, and against the files of this release. */
export async function compareMigrations(client: ClientBase, dumped: RanMigration): Promise<Observation[]> {
  const { rows: ran } = await client.query<RanRow>(
    "select m.filename as file, m.hash, m.previous_hash as previous from graphile_migrate.migrations m order by m.filename",
  );
  // The folder is all that it reads of the settings, which are of a connection.
  const committed = await getAllMigrations({ migrationsFolder: MIGRATIONS_FOLDER } as ParsedSettings);
  const hashes = new Map(committed.map(({ filename, hash }) => [filename, hash]));
  const last = ran.at(-1);
  const problems = [
    last?.hash === dumped.hash && last.file === dumped.file
      ? null
      : `${last?.file ?? "No migration"} ran last; when the backup was made it was ${dumped.file}, or the same with another hash.`,
    ...ran.map(({ file, previous }, index) =>
      previous === (ran[index - 1]?.hash ?? null)
        ? null
        : `${file} does not continue the migration before it.`,
    ),
    ...ran.map(({ file, hash }) => {
      const known = hashes.get(file);
      return known === hash ? null : `${file} is ${known ? "another one" : "not"} in this release.`;
    }),
  ].filter((problem) => problem !== null);
  if (problems.length > 0) {
    return problems.map((problem) => finding("schema", problem));
  }
  const pending = committed.length - ran.length;
  return [
    fine(
      "schema",
      `${ran.length} migrations have run, the last ${dumped.file}, with the hashes of this release` +
        `${pending > 0 ? `, which has ${pending} more: run 'npx bailiwick migrate up' after this` : ""}.`,
    ),
  ];
}
