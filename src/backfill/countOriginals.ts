import type { ClientBase } from "pg";

import type { BackfillRun } from "./backfillRuns.ts";
import { inScope } from "./inScope.ts";

/** How many rows a run could still be reversed for: they are seen within its organizations only. */
export function countOriginals(
  client: ClientBase,
  { id, organizationIds }: Pick<BackfillRun, "id" | "organizationIds">,
): Promise<number> {
  return inScope(client, { organizationIds }, async () => {
    const { rows } = await client.query<{ count: number }>(
      "select count(*)::int as count from app_private.backfill_originals o where o.run_id = $1",
      [id],
    );
    return rows[0]?.count ?? 0;
  });
}
