import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Logger } from "pino";

import project from "../../package.json" with { type: "json" };
import type { Finding } from "../access/checkAccess.ts";
import type { Environment } from "../config.ts";
import type { RedactedError } from "../errors/redactError.ts";
import type { BackupReliedOn } from "./assertBackedUp.ts";

/** What one `migrate up` did or tried to do: for a person in an incident, and for machines. It holds no value of a row. */
export interface MigrationReport {
  format: 1;
  startedAt: string;
  /** Null in the one that is written before anything runs, and stays where the process is killed. */
  finishedAt: string | null;
  database: string;
  release: string;
  environment: Environment;
  backup: BackupReliedOn;
  migrations: MigrationOutcome[];
  /** What `access check` found afterwards; null where it did not come to that. */
  access: {
    rules: number;
    waived: number;
    open: Pick<Finding, "rule" | "severity" | "object" | "detail">[];
  } | null;
  failure: MigrationFailure | null;
}

export interface MigrationOutcome {
  file: string;
  outcome: "committed" | "failed" | "not run" | "unknown";
  /** Null where it did not begin. */
  milliseconds: number | null;
}

export interface MigrationFailure {
  /** Null where it was before or after the migrations. */
  migration: string | null;
  error: Omit<RedactedError, "stack" | "cause">;
  recovery: string;
}

const OWNER_ONLY = 0o600;

export const RELEASE = project.version;

/** Writes it into a file of its own, whole, over what was written of the same run before. */
export async function writeReport(report: MigrationReport, folder: string): Promise<string> {
  const time = report.startedAt.replaceAll(":", "-");
  const file = join(folder, `${time}-${encodeURIComponent(report.database)}.json`);
  const part = `${file}.partial`;
  await mkdir(folder, { recursive: true });
  await writeFile(part, `${JSON.stringify(report, null, 2)}\n`, { mode: OWNER_ONLY });
  await rename(part, file);
  return file;
}

/** Where it cannot be written, the log has it: a migration that ran is not undone for its report. */
export async function leaveReport(report: MigrationReport, folder: string, logger: Logger): Promise<void> {
  try {
    logger.info({ file: await writeReport(report, folder) }, "The migrations' report is written");
  } catch (error) {
    logger.warn(
      { report, reason: (error as Error).message },
      `No report can be written into '${folder}' (MIGRATION_LOG_FOLDER); this line is the report`,
    );
  }
}
