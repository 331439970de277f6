import { rm } from "node:fs/promises";

import type { ClientBase } from "pg";

import { isUuid } from "../auth/claims.ts";
import { exportPath, writeExportFile } from "../exports/exportFiles.ts";
import { type ExportFormat, writeExport } from "../exports/writeExport.ts";
import { taskServices } from "../jobs/taskServices.ts";
import { invalidPayload, type TenantJob, tenantTask } from "../jobs/tenantTask.ts";

interface Begun {
  status: "running" | "ready";
  format: ExportFormat;
}

const NOTIFY = `\
insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
values ($1, $2, 'export_ready', 'export_requests', $3::uuid, 'export_ready:' || $3::uuid)
on conflict (organization_id, effect_key) do nothing`;

/**
 * Writes an export into its file, as the person who asked for it, and tells them that it is ready. Somebody who may not
 * read the clinic's records any more gets nothing. A second run, after a worker was killed, begins anew and under another name.
 */
export default tenantTask("export__write", {
  timeout: 60 * 60_000,
  maxAttempts: 5,
  parse(payload): string {
    const { exportId } = payload;
    if (!isUuid(exportId)) {
      throw invalidPayload("export__write", "an exportId that is a uuid", payload);
    }
    return exportId;
  },
  async perform(job) {
    const { payload: exportId, organizationId, actorId, asPerson, inTenant } = job;
    const begun = await asPerson(async (client) => {
      const { rows } = await client.query<Begun>("select status, format from app_hidden.begin_export($1)", [
        exportId,
      ]);
      return rows[0];
    });
    if (!begun) {
      return { nothing: `There is no export '${exportId}' to be written (any more).` };
    }
    if (begun.status === "running" && !(await write(job, begun.format))) {
      return { nothing: `The export '${exportId}' was withdrawn.` };
    }
    await inTenant((client) => client.query(NOTIFY, [organizationId, actorId, exportId]));
  },
});

/** False when the export was withdrawn meanwhile, or its person has left. */
async function write(job: TenantJob<string>, format: ExportFormat): Promise<boolean> {
  const { payload: exportId, asPerson, signal } = job;
  const folder = taskServices().exportFolder;
  const ask = (sql: string, values: readonly unknown[]) =>
    asPerson((client) => answer(client, sql, [exportId, ...values]));
  const onProgress = (rowCount: number) => ask("app_hidden.note_export_progress($1, $2)", [rowCount]);
  try {
    // One transaction: whose records are in the file is on record, or nobody can fetch it.
    return await asPerson(async (client) => {
      const written = await writeExportFile(folder, exportId, (path) =>
        writeExport(client, { exportId, format, path, signal, onProgress }),
      );
      if (written === null) {
        return false;
      }
      const { columns, rowCount, byteCount, sha256 } = written;
      await client.query("select app_hidden.record_export($1, $2)", [exportId, columns]);
      const file = [exportId, rowCount, byteCount, sha256];
      const isWanted = await answer(client, "app_hidden.finish_export($1, $2, $3, $4)", file);
      if (!isWanted) {
        await rm(exportPath(folder, { exportId, sha256 }), { force: true });
      }
      return isWanted;
    });
  } catch (error) {
    // So that whoever waits sees it; what became of it, the queue says. No second failure hides the first.
    await ask("app_hidden.fail_export($1) is null", []).catch(() => undefined);
    throw error;
  }
}

async function answer(client: ClientBase, sql: string, values: readonly unknown[]): Promise<boolean> {
  const { rows } = await client.query<{ answer: boolean }>(`select ${sql} as answer`, [...values]);
  return rows[0]?.answer === true;
}
