import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeEach, describe, expect, it } from "@jest/globals";

import { readManifest } from "../../src/backup/backupManifest.ts";
import { createBackup } from "../../src/backup/createBackup.ts";
import { findPostgresProgram } from "../../src/backup/findPostgresProgram.ts";
import { libpqEnvironment } from "../../src/backup/libpqEnvironment.ts";
import { complaintOf } from "../../src/backup/runPostgresProgram.ts";
import { parseConfig } from "../../src/config.ts";
import { useTestDatabase } from "../support/database.ts";
import { runBailiwick } from "../support/runBailiwick.ts";

const db = useTestDatabase();
const folder = mkdtempSync(join(tmpdir(), "bailiwick-refusals-"));
const versions = join(folder, "nothing");
const file = join(folder, "a.dump");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => rmSync(file, { force: true }));

/** A pg_dump of this version, in a folder of its own. */
function program(version: string, script: string): string {
  const path = mkdtempSync(join(folder, "bin-"));
  const said = `case "$1" in --version) echo "pg_dump (PostgreSQL) ${version}"; exit;; esac`;
  writeFileSync(join(path, "pg_dump"), `#!/bin/sh\n${said}\n${script}\n`);
  chmodSync(join(path, "pg_dump"), 0o755);
  return path;
}
const create = (path: string) => createBackup({ url: db.urls.backup, file, places: { path, versions } });
const written = () => readdirSync(folder).filter((name) => name.startsWith("a.dump"));

describe("pg_dump", () => {
  it("is asked for where there is none, in the server's version", async () => {
    await expect(create("")).rejects.toThrow(
      /^Postgres (15|18) takes pg_dump of version \1 or later; none was found\. Install it \(.*postgresql-client-\1\)/,
    );
    expect(written()).toEqual([]);
  });

  it("is refused where it is older than the server, and named", async () => {
    const path = program("14.2", "exit 0");
    await expect(create(path)).rejects.toThrow(`or later; ${path}/pg_dump is 14.2. Install it`);
    expect(written()).toEqual([]);
  });

  it("is the one of the server's version where there are several, or else the next", async () => {
    const places = {
      path: [program("19.1", ""), program("17.0", ""), program("16.3", "")].join(":"),
      versions,
    };
    expect(await findPostgresProgram("pg_dump", 17, places)).toMatchObject({ version: "17.0" });
    expect(await findPostgresProgram("pg_dump", 18, places)).toMatchObject({ version: "19.1" });
  });

  it("learns the password from its environment, and nobody from its command line", async () => {
    const { password, username } = new URL(db.urls.backup);
    await create(program("99.1", 'echo "$@"; env'));
    const text = readFileSync(file, "utf8");
    const [line] = text.split("\n");
    expect(line).toMatch(/^--format=custom .*--snapshot=[0-9A-F-]+$/);
    expect(line).not.toContain(password);
    expect(text).toContain(`PGPASSWORD=${password}\n`);
    expect(text).toContain(`PGUSER=${username}\n`);
    expect(readFileSync(`${file}.json`, "utf8")).not.toContain(password);
    rmSync(`${file}.json`);
  });

  it("leaves nothing where it fails, and says why without a value of a row", async () => {
    const path = program("99.1", "echo half; echo 'pg_dump: error: out of luck' >&2; exit 1");
    await expect(create(path)).rejects.toThrow(/^out of luck$/);
    expect(written()).toEqual([]);
  });
});

describe("what a program complains of", () => {
  it("is told without rows, details and statements", () => {
    const said = [
      "pg_restore: while PROCESSING TOC:",
      'pg_restore: error: COPY failed for table "patients": ERROR:  invalid input syntax for type date: "Ada"',
      'CONTEXT:  COPY patients, line 1, column birth_date: "Ada"',
      'pg_restore: error: could not execute query: ERROR:  could not create unique index "users_email_key"',
      "DETAIL:  Key (email)=(ada@example.com) is duplicated.",
      "Command was: ALTER TABLE …",
    ].join("\n");
    expect(complaintOf(said)).toBe(
      'COPY failed for table "patients"\ncould not execute query: ERROR:  could not create unique index "users_email_key"',
    );
  });
});

describe("a connection string", () => {
  it("becomes libpq's variables, with what it says of TLS", () => {
    const env = libpqEnvironment("postgres://a:p%40ss@db.example:6000/clinic?sslmode=no-verify", "x");
    expect(env).toMatchObject({
      PGHOST: "db.example",
      PGPORT: "6000",
      PGUSER: "a",
      PGPASSWORD: "p@ss",
      PGDATABASE: "clinic",
      PGSSLMODE: "require",
    });
    expect(env).not.toHaveProperty("PGOPTIONS");
  });

  it("of app_backup is enough for a process in production that makes backups, and none is not", () => {
    const env = { NODE_ENV: "production", JWT_SECRET: "a secret that is long enough for anybody to use" };
    expect(() => parseConfig(env)).toThrow(/does not use the embedded Postgres/);
    expect(parseConfig({ ...env, BACKUP_DATABASE_URL: db.urls.backup }).database.backupUrl).toBe(
      db.urls.backup,
    );
  });
});

describe("a manifest", () => {
  it.each<[string, string | null, RegExp]>([
    ["that is not there", null, /there is none\. .*moved without it/],
    ["that is no JSON", "half of {", /is no manifest/],
    ["of something else", '{"format": 1}', /is no manifest/],
    ["of another format", '{"format": 2}', /is no manifest/],
  ])("%s is refused", async (_title, text, sentence) => {
    const manifest = join(folder, "b.dump.json");
    rmSync(manifest, { force: true });
    if (text !== null) {
      writeFileSync(manifest, text);
    }
    await expect(readManifest(join(folder, "b.dump"))).rejects.toThrow(sentence);
  });
});

describe("the command line", () => {
  it("cannot restore what has no manifest, and says so with status 2", async () => {
    const { code, output } = await runBailiwick(db.config, "backup", "restore", join(folder, "none.dump"));
    expect({ code, output }).toMatchObject({
      code: 2,
      output: expect.stringMatching(/^bailiwick: .*there is none/),
    });
    expect(existsSync(join(folder, "none.dump"))).toBe(false);
  });
});
