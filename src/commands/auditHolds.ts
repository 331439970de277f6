import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { connectionUrl } from "./url.ts";

/** Of an organization: for how long it keeps its events, or one hold. */
interface Decision {
  organizationId: string;
  jurisdiction: string | null;
  keepYears: number | null;
  holdId: string | null;
  reason: string | null;
  heldSince: Date | null;
  releasedAt: Date | null;
}

const LIST = `\
select organization_id as "organizationId", jurisdiction, keep_years as "keepYears", hold_id as "holdId", reason,
  held_since as "heldSince", released_at as "releasedAt"
from app_audit.list_retention()`;

function describe({ organizationId, keepYears, jurisdiction, holdId, ...hold }: Decision): string {
  if (holdId === null) {
    return `${organizationId}  kept for ${keepYears} years (${jurisdiction})`;
  }
  const day = (time: Date | null) => time?.toISOString().slice(0, 10);
  const until = hold.releasedAt === null ? "stands" : `released ${day(hold.releasedAt)}`;
  return `${organizationId}  hold ${holdId}  since ${day(hold.heldSince)}, ${until}: ${hold.reason}`;
}

export const auditHoldsCommand: CommandModule<object, { json: boolean | undefined }> = {
  command: "holds",
  describe: "List what was decided about keeping: the years of each organization, and its legal holds.",
  builder: (args) => args.option("json", { type: "boolean", describe: "Print one JSON array." }),
  handler: async ({ json }) => {
    const decisions = await withClient(connectionUrl(loadConfig(), "owner"), async (client) => {
      const { rows } = await client.query<Decision>(LIST);
      return rows;
    });
    const none = "Every organization's events are kept for six years, and no hold was ever made.";
    console.log(json ? JSON.stringify(decisions, null, 2) : decisions.map(describe).join("\n") || none);
  },
};
