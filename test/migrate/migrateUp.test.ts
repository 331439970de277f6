import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld } from "../../src/access/world/world.ts";
import { type BackupManifest, manifestFileOf } from "../../src/backup/backupManifest.ts";
import { createBackup } from "../../src/backup/createBackup.ts";
import { useEvidence } from "../audit/evidence.ts";
import { useTestDatabase } from "../support/database.ts";
import { useReleases } from "./useReleases.ts";

const TIMEOUT = 60_000;
const db = useTestDatabase();
const evidence = useEvidence(db);
const releases = useReleases(db);
const { commit, takeReports, up } = releases;

/** The manifest is a real one, the dump is not: who migrates compares its hash only. */
async function backUp(name: string): Promise<string> {
  const file = join(releases.folder, name);
  const program = join(releases.folder, "pg_dump");
  writeFileSync(
    program,
    '#!/bin/sh\ncase "$1" in --version) echo "pg_dump (PostgreSQL) 99.1";; *) echo rows;; esac\n',
  );
  chmodSync(program, 0o755);
  const places = { path: releases.folder, versions: join(releases.folder, "none") };
  await createBackup({ url: db.urls.backup, file, places });
  return file;
}

const lastMigration = async () => {
  const { rows } = await db.superuser.query<{ filename: string }>(
    "select m.filename from graphile_migrate.migrations m order by m.filename desc limit 1",
  );
  return rows[0]?.filename;
};

describe("a database without an organization", () => {
  it("is migrated in production, and nobody asks for a backup", async () => {
    const { file } = commit("first", "select 1;");
    expect((await up())?.open).toEqual([]);
    expect(takeReports()).toMatchObject([
      {
        backup: { none: "the database holds no organization yet" },
        migrations: [{ file, outcome: "committed" }],
      },
    ]);
  });
});

describe("a database with an organization", () => {
  beforeAll(async () => {
    await createWorld(db.superuser);
    await evidence.sealEverything();
  }, TIMEOUT);

  it("is not migrated in production without a word of a backup, and nothing is changed", async () => {
    const { file, takeBack } = commit("second", "select 2;");
    const before = await lastMigration();
    const lacking = "has_schema_privilege('app_backup', 'graphile_worker', 'usage')";
    await db.superuser.query("revoke usage on schema graphile_worker from app_backup");
    await expect(up()).rejects.toThrow(
      new RegExp(`^Nothing was changed: .* ${file} would run, .* --backup FILE .* --without-backup`),
    );
    expect(await lastMigration()).toBe(before);
    expect((await db.superuser.query(`select ${lacking} as has`)).rows).toEqual([{ has: false }]);
    expect(takeReports()).toEqual([]);
    await db.superuser.query("grant usage on schema graphile_worker to app_backup");
    takeBack();
  });

  it("is not asked about where nothing is pending", async () => {
    expect(await up()).toBeNull();
    expect(takeReports()).toEqual([]);
  });

  it("is not asked about in development", async () => {
    commit("third", "select 3;");
    await up({}, { environment: "test" });
    expect(takeReports()).toMatchObject([{ backup: { none: "none is asked for with NODE_ENV=test" } }]);
  });

  it("is migrated without a backup where somebody says so, and the log says it", async () => {
    commit("fourth", "select 4;");
    await up({ withoutBackup: true });
    const none = expect.stringMatching(/^--without-backup: /);
    expect(takeReports()).toMatchObject([{ backup: { none } }]);
    expect(releases.lines.at(-1)).toMatchObject({ msg: "The migrations' report is written" });
    expect(releases.lines.filter(({ level }) => level === 40)).toMatchObject([{ backup: { none } }]);
  });

  describe("and a backup", () => {
    let file = "";
    let pending: ReturnType<typeof commit>;
    beforeAll(async () => {
      file = await backUp("whole.dump");
      pending = commit("fifth", "select 5;");
    });

    it.each<[string, Partial<BackupManifest> | string, RegExp]>([
      [
        "is older than a day",
        { madeAt: new Date(Date.now() - 25 * 3_600_000).toISOString() },
        /may be 24 hours old/,
      ],
      ["is of tomorrow", { madeAt: new Date(Date.now() + 3_600_000).toISOString() }, /may be 24 hours old/],
      ["does not say when it was made", { madeAt: "once" }, /may be 24 hours old/],
      ["is of another database", { database: "other" }, /it is of the database 'other', and this is 'test_/],
      [
        "is of another state",
        { migration: { file: "000001.sql", hash: "sha1:1" } },
        /000001\.sql had run last there/,
      ],
      [
        "is of another history of this state",
        { checkpointRoot: "00".repeat(32) },
        /audit's checkpoint \d+ is not here/,
      ],
      [
        "has checkpoints that are not here",
        { checkpoint: "999999" },
        /audit's checkpoint 999999 is not here/,
      ],
      ["was changed", "Rows\n", /its SHA-256 is not the manifest's/],
      ["is not whole", "ro", /it is not whole/],
    ])("is refused where it %s", async (_why, changed, sentence) => {
      const other = join(releases.folder, "other.dump");
      const manifest = JSON.parse(readFileSync(manifestFileOf(file), "utf8"));
      const patch = typeof changed === "string" ? {} : changed;
      writeFileSync(manifestFileOf(other), JSON.stringify({ ...manifest, ...patch }));
      writeFileSync(other, typeof changed === "string" ? changed : readFileSync(file));
      const before = await lastMigration();
      await expect(up({ file: other })).rejects.toThrow(/^Nothing was changed, because of the backup '/);
      await expect(up({ file: other })).rejects.toThrow(sentence);
      expect(await lastMigration()).toBe(before);
      expect(takeReports()).toEqual([]);
    });

    it("is refused without its manifest", () =>
      expect(up({ file: join(releases.folder, "none.dump") })).rejects.toThrow(
        /there is none\. 'backup create'/,
      ));

    it("is relied on where it is the right one, also an older one where that is said", async () => {
      const manifest: BackupManifest = JSON.parse(readFileSync(manifestFileOf(file), "utf8"));
      const madeAt = new Date(Date.now() - 25 * 3_600_000).toISOString();
      writeFileSync(manifestFileOf(file), JSON.stringify({ ...manifest, madeAt }));
      expect((await up({ file, hours: 26 }))?.open).toEqual([]);
      const names = readdirSync(releases.reports);
      expect(names).toEqual([
        expect.stringMatching(new RegExp(`^\\d{4}-\\d\\d-\\d\\dT[\\d-]+\\.\\d+Z-${db.name}\\.json$`)),
      ]);
      expect(statSync(join(releases.reports, names[0] ?? "")).mode & 0o777).toBe(0o600);
      const text = readFileSync(join(releases.reports, names[0] ?? ""), "utf8");
      expect(text).not.toContain(new URL(db.urls.superuser).password);
      const [report] = takeReports();
      expect(report).toMatchObject({
        format: 1,
        database: db.name,
        release: "0.1.0",
        environment: "production",
        backup: { file, sha256: manifest.sha256, madeAt },
        migrations: [{ file: pending.file, outcome: "committed", milliseconds: expect.any(Number) }],
        access: { open: [], rules: expect.any(Number), waived: expect.any(Number) },
        failure: null,
      });
      expect(report?.access?.rules).toBeGreaterThan(30);
      expect(await lastMigration()).toBe(`${pending.file.slice(0, 6)}.sql`);
    });

    it("is of another state as soon as a migration has run", async () => {
      const next = commit("sixth", "select 6;");
      await expect(up({ file, hours: 26 })).rejects.toThrow(/had run last there/);
      next.takeBack();
    });
  });
});
