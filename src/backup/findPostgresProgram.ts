import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

import type { ClientBase } from "pg";

export interface PostgresProgram {
  file: string;
  /** Such as 15.18. */
  version: string;
  major: number;
}

/** Where client programs of Postgres may be. */
export interface ProgramPlaces {
  /** As PATH. */
  path: string;
  /** Debian and Ubuntu keep those of each major version in a folder of its own below this one. */
  versions?: string;
}

const VERSIONS_FOLDER = "/usr/lib/postgresql";

/** As `server_version`, such as 15.18. */
export async function readServerVersion(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ version: string }>(
    "select current_setting('server_version') as version",
  );
  return rows[0]?.version ?? "";
}

/** The major version of a `server_version` such as 15.18 or 19beta1. */
export const majorOf = (version: string) => Number.parseInt(version, 10);

/**
 * Finds the program of a server's major version, or else of the nearest later one: an older one cannot read what it does
 * not know.
 *
 * @throws a sentence that says what was found and what to install.
 */
export async function findPostgresProgram(
  name: "pg_dump" | "pg_restore",
  major: number,
  { path, versions = VERSIONS_FOLDER }: ProgramPlaces,
): Promise<PostgresProgram> {
  const majors = await readdir(versions).catch(() => []);
  const folders = [...majors.map((folder) => join(versions, folder, "bin")), ...path.split(delimiter)];
  const files = [...new Set(folders.filter((folder) => folder !== "").map((folder) => join(folder, name)))];
  const found = (await Promise.all(files.map(examine))).filter((program) => program !== null);
  const [best] = found.filter((program) => program.major >= major).sort((a, b) => a.major - b.major);
  if (best === undefined) {
    const there = found.map(({ file, version }) => `${file} is ${version}`).join(", ");
    throw new Error(
      `Postgres ${major} takes ${name} of version ${major} or later; ${there || "none was found"}. ` +
        `Install it (Debian, Ubuntu: postgresql-client-${major}), or put its folder on the PATH.`,
    );
  }
  return best;
}

async function examine(file: string): Promise<PostgresProgram | null> {
  try {
    await access(file, constants.X_OK);
    const { stdout } = await promisify(execFile)(file, ["--version"]);
    const [, version] = /\(PostgreSQL\) (\d+\S*)/.exec(stdout) ?? [];
    return version === undefined ? null : { file, version, major: majorOf(version) };
  } catch {
    return null;
  }
}
