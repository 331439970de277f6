import { isUuid } from "../../auth/claims.ts";
import { JobProblem } from "../../jobs/JobProblem.ts";
import { taskServices } from "../../jobs/taskServices.ts";
import { invalidPayload, tenantTask } from "../../jobs/tenantTask.ts";
import type { RunParts } from "./runSheet.ts";
import { SheetProblem } from "./SheetProblem.ts";

/** A large clinic's first sync; what is over then goes on in the next attempt, from where it came. */
const TIMEOUT = 10 * 60_000;

/** Makes the task of src/tasks/<name>.ts that runs a sheet; how the run went is in its record (integration_sync_runs). */
export function sheetTask(
  name: string,
  run: (integrationId: string, parts: RunParts) => Promise<boolean>,
): ReturnType<typeof tenantTask> {
  return tenantTask(name, {
    timeout: TIMEOUT,
    parse(payload): string {
      const { integrationId } = payload;
      if (!isUuid(integrationId)) {
        throw invalidPayload(name, "an integrationId that is a uuid", payload);
      }
      return integrationId;
    },
    async perform({ payload: integrationId, organizationId, inTenant, signal }) {
      const { credentials, outbound } = taskServices();
      const parts = {
        inTenant,
        signal,
        box: credentials?.integration_credentials ?? null,
        apiUrl: outbound.googleApiUrl,
      };
      const isThere = await run(integrationId, parts).catch((error: unknown) => {
        throw error instanceof SheetProblem ? new JobProblem("unavailable", error.message) : error;
      });
      if (!isThere) {
        return {
          nothing: `Integration '${integrationId}' is not an active sheet of organization '${organizationId}'.`,
        };
      }
    },
  });
}
