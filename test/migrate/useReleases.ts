import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll } from "@jest/globals";
import { calculateHash } from "graphile-migrate/dist/hash.js";
import { pino } from "pino";

import type { Environment } from "../../src/config.ts";
import type { DatabaseUrls } from "../../src/database/databaseUrls.ts";
import type { BackupStatement } from "../../src/migrate/assertBackedUp.ts";
import { migrateUp } from "../../src/migrate/migrateUp.ts";
import type { MigrationReport } from "../../src/migrate/migrationReport.ts";
import type { TestDatabase } from "../support/database.ts";

const COMMITTED = join(import.meta.dirname, "../../migrations/committed");
const STATED: BackupStatement = { file: null, hours: 24, withoutBackup: false };

interface Circumstances {
  environment?: Environment;
  logFolder?: string;
  urls?: DatabaseUrls;
}

/** Migrations of this release, to which a test adds its own, and `migrate up` with them. */
export function useReleases(db: TestDatabase) {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-releases-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const committed = join(folder, "committed");
  const reports = join(folder, "logs/migrations");
  cpSync(COMMITTED, committed, { recursive: true });
  const files = () => readdirSync(committed).sort();
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });

  return {
    folder,
    reports,
    lines,
    /** @returns the name of the file, and how to take it back. */
    commit(topic: string, sql: string) {
      const last = files().at(-1) ?? "";
      const [, previous = ""] = /^--! Hash: (\S+)$/m.exec(readFileSync(join(committed, last), "utf8")) ?? [];
      const file = `${String(Number.parseInt(last, 10) + 1).padStart(6, "0")}-${topic}.sql`;
      const path = join(committed, file);
      const body = `${sql}\n`;
      writeFileSync(
        path,
        `--! Previous: ${previous}\n--! Hash: ${calculateHash(body, previous)}\n--! Message: ${topic}\n\n${body}`,
      );
      return { file, takeBack: () => rmSync(path) };
    },
    up(stated: Partial<BackupStatement> = {}, circumstances: Circumstances = {}) {
      const { environment = "production", logFolder = reports, urls = db.urls } = circumstances;
      const database = { ...db.config.database, migrationLogFolder: logFolder };
      return migrateUp({ urls, config: { ...db.config, environment, database } }, logger, {
        backup: { ...STATED, ...stated },
        migrationsFolder: folder,
      });
    },
    /** Takes the reports away that were left since the last call. */
    takeReports(): MigrationReport[] {
      const names = readdirSync(folder).includes("logs") ? readdirSync(reports).sort() : [];
      return names.map((name) => {
        const text = readFileSync(join(reports, name), "utf8");
        rmSync(join(reports, name));
        return JSON.parse(text);
      });
    },
  };
}
