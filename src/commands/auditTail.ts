import { setTimeout as sleep } from "node:timers/promises";

import type { ClientBase } from "pg";
import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { stopSignal } from "../stopSignal.ts";
import { countOption } from "./numberOption.ts";
import { connectionUrl } from "./url.ts";
import { uuidOption } from "./uuidOption.ts";

interface TailArguments {
  organization: string | undefined;
  lines: number;
  follow: boolean;
  json: boolean;
}

interface Line {
  /** The event's, for `audit prove`. */
  id: string;
  at: Date;
  actor: string | null;
  command: string;
  tableName: string;
  rowId: string | null;
  patients: number;
  changedFields: string[];
}

/** Milliseconds. */
const INTERVAL = 1000;
/** An event's time is that of its statement; one that commits this much later (milliseconds) is still shown. */
const LATE = 60_000;

async function newest(
  client: ClientBase,
  { organization, lines }: TailArguments,
  since: Date | null,
): Promise<Line[]> {
  const { rows } = await client.query<Line>(
    `select e.id, e.occurred_at as at, e.actor_id as actor, lower(e.command) as command, e.table_name as "tableName",
       e.row_id as "rowId", e.changed_fields as "changedFields", cardinality(e.patient_ids) as patients
     from app_audit.events e
     where ($1::uuid is null or e.organization_id = $1) and ($2::timestamptz is null or e.occurred_at >= $2)
     order by e.occurred_at desc, e.id desc
     limit $3`,
    [organization ?? null, since, since ? null : lines],
  );
  return rows.reverse();
}

function format({ id, at, actor, command, tableName, rowId, patients, changedFields }: Line): string {
  const subject = rowId ?? `(of ${patients} patients)`;
  return `${at.toISOString()}  ${id}  ${actor ?? "system"}  ${command} ${tableName} ${subject}  ${changedFields.join(", ")}`;
}

export const auditTailCommand: CommandModule<object, TailArguments> = {
  command: "tail",
  describe:
    "Print the newest events: when, the event's id, who did what to which row. Never what the row says.",
  builder: (args) =>
    args
      .option("organization", {
        type: "string",
        coerce: uuidOption("--organization"),
        describe: "Those of one organization (its id).",
      })
      .option("lines", { alias: "n", ...countOption("--lines", 20, "How many to begin with.") })
      .option("follow", {
        alias: "f",
        type: "boolean",
        default: false,
        describe: "Go on until interrupted.",
      })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object a line." }),
  handler: async (given) => {
    const print = (line: Line) => console.log(given.json ? JSON.stringify(line) : format(line));
    await withClient(connectionUrl(loadConfig(), "sealer"), async (client) => {
      let shown = await newest(client, given, null);
      shown.forEach(print);
      const stopped = given.follow ? new AbortController() : null;
      void (stopped && stopSignal().then(() => stopped.abort()));
      while (stopped && !stopped.signal.aborted) {
        await sleep(INTERVAL, undefined, { signal: stopped.signal }).catch(() => undefined);
        const known = new Set(shown.map(({ id }) => id));
        const recent = await newest(client, given, new Date(Date.now() - LATE));
        recent.filter(({ id }) => !known.has(id)).forEach(print);
        shown = [...shown.filter(({ at }) => at.getTime() > Date.now() - 2 * LATE), ...recent];
      }
    });
  },
};
