import { BackfillMistake } from "./BackfillMistake.ts";
import { type BackfillRun, readRun } from "./backfillRuns.ts";
import { inScope } from "./inScope.ts";
import { takeLock, withBackfillSession } from "./withBackfillSession.ts";

/**
 * Deletes what the rows of a run were before it: patients' data that nobody needs once the run has proven itself. It cannot
 * be reversed any more.
 *
 * @returns of how many rows.
 */
export async function forgetOriginals(dataUrl: string, runId: string): Promise<number> {
  return withBackfillSession(dataUrl, async (client) => {
    await takeLock(client, (await readRun(client, runId)).name);
    const { id, organizationIds } = assertEnded(await readRun(client, runId));
    let forgotten = 0;
    for (const organizationId of organizationIds) {
      forgotten += await inScope(client, { organizationIds: [organizationId] }, async () => {
        const { rowCount } = await client.query(
          "delete from app_private.backfill_originals where run_id = $1",
          [id],
        );
        return rowCount ?? 0;
      });
    }
    return forgotten;
  });
}

function assertEnded(run: BackfillRun): BackfillRun {
  if (run.status !== "finished" && run.status !== "reverted") {
    throw new BackfillMistake(`The run ${run.id} is not at its end (${run.status}): it needs its originals.`);
  }
  return run;
}
