import { rm } from "node:fs/promises";

import { exportPath, type FinishedFile, listSettledFiles } from "../exports/exportFiles.ts";
import { systemTask } from "../jobs/systemTask.ts";
import { taskServices } from "../jobs/taskServices.ts";

const LIVE = 'select id as "exportId", content_sha256 as sha256 from app_hidden.live_exports($1)';

/** Removes the files of exports that nobody can fetch any more: expired, of another run, or left by a killed worker. */
export default systemTask("export__clean_up", {
  timeout: 10 * 60_000,
  parse: () => null,
  async perform({ inSystem, logger }) {
    const folder = taskServices().exportFolder;
    const files = await listSettledFiles(folder);
    const live = await inSystem(async (client) => {
      const { rows } = await client.query<FinishedFile>(LIVE, [files.map(({ exportId }) => exportId)]);
      return new Set(rows.map((row) => exportPath(folder, row)));
    });
    const over = files.filter(({ path }) => !live.has(path));
    for (const { path } of over) {
      await rm(path, { force: true });
    }
    logger.info(`${over.length} files of exports were removed.`);
  },
});
