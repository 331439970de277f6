import { resolve } from "node:path";

import type { ClientBase } from "pg";
import type { CommandModule } from "yargs";

import { exportMonth, type Month } from "../audit/exportMonth.ts";
import { loadConfig } from "../config.ts";
import { databaseName } from "../database/databaseUrls.ts";
import { withClient } from "../database/withClient.ts";
import { connectionUrl } from "./url.ts";

interface ExportArguments {
  month: Month;
  folder: string;
}

export const auditExportCommand: CommandModule<object, ExportArguments> = {
  command: "export <month>",
  describe:
    "Write the sealed events of a month into a file, as 'audit retain' does, and remove nothing: one JSON object a line, gzip.",
  builder: (args) =>
    args
      .positional("month", {
        type: "string",
        coerce: parseMonth,
        demandOption: true,
        describe: "For example 2026-10.",
      })
      .option("folder", { type: "string", default: ".", describe: "Where the file is made." }),
  handler: async ({ month, folder }) => {
    const url = connectionUrl(loadConfig(), "sealer");
    const fileName = `${databaseName(url)}-events-${nameOf(month.from)}.ndjson.gz`;
    const { eventCount, fileHash } = await withClient(url, async (client) => {
      await client.query("begin isolation level repeatable read read only");
      await demandEvents(client, month);
      return exportMonth(client, month, { folder: resolve(folder), fileName });
    });
    console.log(`${eventCount} events are in ${resolve(folder, fileName)} (SHA-256 ${fileHash}).`);
  },
};

async function demandEvents(client: ClientBase, { from, until }: Month): Promise<void> {
  const { rows } = await client.query<{ exist: boolean }>(
    "select exists (select from app_audit.events e where e.occurred_at >= $1 and e.occurred_at < $2) as exist",
    [from, until],
  );
  if (!rows[0]?.exist) {
    throw new Error(`There are no events of ${nameOf(from)}: none happened, or they have been removed.`);
  }
}

function nameOf(day: Date): string {
  return day.toISOString().slice(0, 7);
}

function parseMonth(value: string): Month {
  const [, year = "", month = ""] = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(value) ?? [];
  if (year === "") {
    throw new Error(`The month must be given as 2026-10; got '${value}'.`);
  }
  return {
    from: new Date(Date.UTC(Number(year), Number(month) - 1)),
    until: new Date(Date.UTC(Number(year), Number(month))),
  };
}
