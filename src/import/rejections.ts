import { open, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

import type { Client } from "pg";
import { to as copyTo } from "pg-copy-streams";

import { type ImportReport, LISTED_REJECTIONS, type Rejection } from "./importReport.ts";

/** The part of the report that stands in `pg_temp.rejections`. */
export async function readRejections(
  client: Client,
): Promise<Pick<ImportReport, "rejectedCounts" | "rejections">> {
  const { rows: rejectedCounts } = await client.query<ImportReport["rejectedCounts"][number]>(`\
select r.file, r.reason, count(*)::int as count
from pg_temp.rejections r
group by r.file, r.reason
order by r.file, r.reason`);
  const { rows: rejections } = await client.query<Rejection>(
    `\
select r.file, r.line, r.id, r.reason, r.detail
from pg_temp.rejections r
order by r.file, r.line
limit $1`,
    [LISTED_REJECTIONS],
  );
  return { rejectedCounts, rejections };
}

/** A file that appears under its name only when the import has been committed. */
export interface ReportFile {
  /** Writes every rejection, as CSV. */
  write(client: Client): Promise<void>;
  publish(): Promise<void>;
  /** Removes what was not published. Safe to call after `publish`. */
  close(): Promise<void>;
}

/** Opens the file first, so that an unwritable path is known before anything is imported. */
export async function openReportFile(path: string): Promise<ReportFile> {
  const partial = `${path}.partial`;
  const handle = await open(partial, "w").catch((cause: Error) => {
    throw new Error(`Cannot write the report '${path}': ${cause.message}`, { cause });
  });
  return {
    async write(client) {
      const rows = client.query(
        copyTo(`\
copy (select file, line, id, reason, detail from pg_temp.rejections order by file, line)
to stdout (format csv, header)`),
      );
      await pipeline(rows, handle.createWriteStream());
    },
    publish: () => rename(partial, path),
    async close() {
      await handle.close();
      await rm(partial, { force: true });
    },
  };
}
