import type { CommandModule } from "yargs";

import { explainAccess } from "../access/why/explainAccess.ts";
import { explanationText } from "../access/why/explanationText.ts";
import { ACCESS_COMMANDS, type AccessCommand } from "../access/why/judgeAccess.ts";
import { parseRequestScope } from "../auth/requestScope.ts";
import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { connectionUrl } from "./url.ts";

interface AccessWhyArguments {
  person: string;
  row: string[];
  organization: string | undefined;
  clinic: string | undefined;
  purpose: string | undefined;
  json: boolean;
}

/** A node id or a table and an id, and behind it the command, if it is named. */
function splitRow(words: string[]): { row: string[]; command: AccessCommand } {
  const last = words.at(-1);
  const command = ACCESS_COMMANDS.find((name) => name === last);
  return command ? { row: words.slice(0, -1), command } : { row: words, command: "select" };
}

export const accessWhyCommand: CommandModule<object, AccessWhyArguments> = {
  command: "why <person> <row..>",
  describe:
    "Say whether a person may read, change or delete a row, and every policy, grant and fact that makes it so. Nothing is written.",
  builder: (args) =>
    args
      .positional("person", {
        type: "string",
        demandOption: true,
        describe: "An id, an e-mail address, a demo person's first name, or 'anonymous'.",
      })
      .positional("row", {
        type: "string",
        array: true,
        demandOption: true,
        describe: "A node id of the API, or a table and an id; then select (as without), update or delete.",
      })
      .option("organization", { type: "string", describe: "As if the request said X-Organization-Id." })
      .option("clinic", { type: "string", describe: "As if the request said X-Clinic-Id." })
      .option("purpose", { type: "string", describe: "As if the request said X-Purpose-Of-Use." })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object." })
      .check(({ row }) => {
        if (splitRow(row).row.length === 0 || splitRow(row).row.length > 2) {
          throw new Error(
            `Name a row, by its node id or by table and id, and then one of ${ACCESS_COMMANDS.join(", ")}.`,
          );
        }
        return true;
      })
      .example("$0 access why alice patients 019… update", "may Alice change the patient, and why")
      .example("$0 access why bob@example.com WyJQYXRpZW50Iiwi…", "may Bob see what this node id names"),
  handler: async ({ person, row: words, organization, clinic, purpose, json }) => {
    const headers: Record<string, string | undefined> = {
      "x-organization-id": organization,
      "x-clinic-id": clinic,
      "x-purpose-of-use": purpose,
    };
    const scope = parseRequestScope((name) => headers[name]);
    const url = connectionUrl(loadConfig(), "superuser");
    const explanation = await withClient(url, (client) =>
      explainAccess(client, { person, ...splitRow(words), scope }),
    );
    console.log(json ? JSON.stringify(explanation, null, 2) : explanationText(explanation));
  },
};
