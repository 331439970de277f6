import { Client } from "pg";

import { calculateMetrics, makeOwner } from "../finishImport.ts";
import { ImportFailure, type ImportOutcome } from "../ImportFailure.ts";
import { type ImportReport, WRITTEN_TABLES } from "../importReport.ts";
import { openReportFile, readRejections, type ReportFile } from "../rejections.ts";
import { resolveExport } from "./resolveExport.ts";
import { findExport, stageExport, type SyntheaExport } from "./stageExport.ts";
import { writeTargets } from "./writeTargets.ts";

export interface SyntheaOptions {
  /** The folder with organizations.csv, providers.csv, patients.csv, encounters.csv and maybe payers.csv. */
  folder: string;
  /** IANA time zone of the clinics; an export does not say. */
  timezone: string;
  /** Who becomes the owner of the organizations; a row of app_public.users. */
  ownerId?: string;
  /** Where all rejections go, as CSV. */
  reportPath?: string;
  /** Ends the import, which then has changed nothing. */
  signal?: AbortSignal;
  /** Called with the fraction done, 0 to 1, and what is being done. */
  onProgress?: (fraction: number, step: string) => void;
}

/** Reading takes about as long as writing. */
const READING_SHARE = 0.5;

/**
 * Imports a Synthea CSV export in one transaction: all of it is there afterwards, or nothing. What an earlier import
 * brought is left alone.
 *
 * @param dataUrl connection of `app_migrator` acting as `app_data`.
 * @throws with a sentence when the export cannot be read or clashes with what is there; nothing is imported then. An
 * `ImportFailure` says what has become of an import that failed at its commit or after it.
 */
export async function importSynthea(dataUrl: string, options: SyntheaOptions): Promise<ImportReport> {
  const { folder, reportPath, signal } = options;
  assertTimezone(options.timezone);
  const source = await findExport(folder);
  const reportFile = reportPath === undefined ? undefined : await openReportFile(reportPath);
  const client = new Client({ connectionString: dataUrl, application_name: "bailiwick import" });
  // A lost connection also fails the query that runs on it, which is where it is told.
  client.on("error", () => undefined);
  const interrupt = () => void client.end();
  signal?.addEventListener("abort", interrupt);
  let outcome: ImportOutcome = "nothing";
  try {
    try {
      signal?.throwIfAborted();
      await client.connect();
      const report = await runImport(client, source, { ...options, reportFile });
      signal?.removeEventListener("abort", interrupt);
      signal?.throwIfAborted();
      outcome = await commit(client);
      await reportFile?.publish();
      return report;
    } finally {
      signal?.removeEventListener("abort", interrupt);
      // Without a commit, the end of the connection rolls back.
      await client.end();
      await reportFile?.close();
    }
  } catch (error) {
    if (error instanceof ImportFailure) {
      throw error;
    }
    if (outcome === "everything") {
      throw new ImportFailure(outcome, error);
    }
    throw signal?.aborted ? signal.reason : error;
  }
}

/** Commits; the answer to it decides what can be said of a failure. */
async function commit(client: Client): Promise<ImportOutcome> {
  try {
    await client.query("commit");
    return "everything";
  } catch (error) {
    // A server that goes on answering has refused, and rolled back. From one that does not, nobody has heard.
    const isRefused = await client.query("select 1").then(
      () => true,
      () => false,
    );
    throw new ImportFailure(isRefused ? "nothing" : "unknown", error);
  }
}

async function runImport(
  client: Client,
  source: SyntheaExport,
  { timezone, ownerId, signal, onProgress, reportFile }: SyntheaOptions & { reportFile?: ReportFile },
): Promise<ImportReport> {
  await client.query("begin");
  // Two imports at once would each wait for rows of the other. And the server is to notice within a second that a killed
  // import is gone, even in the middle of a long statement.
  await client.query(`\
select set_config('client_connection_check_interval', '1s', true),
  pg_advisory_xact_lock(hashtextextended('bailiwick import', 0))`);
  await stageExport(client, source, {
    signal,
    onProgress: (fraction, file) => onProgress?.(fraction * READING_SHARE, `reading ${file}`),
  });
  const { rows: read } = await client.query<{ count: string }>(
    "select count(*) from pg_temp.staged_encounters",
  );
  await resolveExport(client);
  const tables = await writeTargets(client, {
    timezone,
    onWrite: (table, index) =>
      onProgress?.(
        READING_SHARE + ((1 - READING_SHARE) * index) / WRITTEN_TABLES.length,
        `writing ${table.replaceAll("_", " ")}`,
      ),
  });
  if (ownerId !== undefined) {
    await makeOwner(client, ownerId);
  }
  onProgress?.(1, "calculating metrics");
  await calculateMetrics(client);
  const { rejectedCounts, rejections } = await readRejections(client);
  const people = await client.query<{ count: string }>(
    "select count(distinct external_id) from pg_temp.target_patients",
  );
  const encounters = {
    read: Number(read[0]?.count),
    ...tables.appointments,
    rejected: rejectedCounts
      .filter(({ file }) => file === "encounters.csv")
      .reduce((sum, { count }) => sum + count, 0),
  };
  assertAccounted(encounters);
  await reportFile?.write(client);
  onProgress?.(1, "done");
  return { encounters, people: Number(people.rows[0]?.count), tables, rejectedCounts, rejections };
}

/** Nothing of an export may be lost without a word; a difference is a mistake of ours, and keeps the import out. */
function assertAccounted({ read, imported, alreadyThere, rejected }: ImportReport["encounters"]): void {
  if (read !== imported + alreadyThere + rejected) {
    throw new Error(
      `Of ${read} encounters, ${imported} would be imported, ${alreadyThere} are already there and ${rejected} are rejected: ` +
        "that does not add up.",
    );
  }
}

function assertTimezone(timezone: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
  } catch (cause) {
    throw new Error(`The time zone must be a name such as America/New_York; got '${timezone}'`, { cause });
  }
}
