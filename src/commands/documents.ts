import { readFile } from "node:fs/promises";

import { buildSchema, type GraphQLSchema } from "graphql";
import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { checkDocuments, type DocumentFinding } from "../documents/checkDocuments.ts";
import { readManifests } from "../documents/readManifests.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { SCHEMA_FILE } from "./schema.ts";

interface CheckArguments {
  folder?: string;
  schema: string;
  json: boolean;
}

const checkCommand: CommandModule<object, CheckArguments> = {
  command: "check",
  describe:
    "Say which trusted documents a schema breaks, and who owns them (exit status 1 if there are any).",
  builder: (args) =>
    args
      .option("folder", { type: "string", describe: "Folder of the manifests; default: DOCUMENTS_DIR." })
      .option("schema", {
        type: "string",
        default: SCHEMA_FILE,
        describe: "The schema to hold them against, as SDL.",
      })
      .option("json", { type: "boolean", default: false, describe: "Print the findings for a program." })
      .example("$0 documents check", "before a change of the schema is merged")
      .example("$0 documents check --folder ../web/manifests", "from the client's side"),
  handler: async ({ folder, schema, json }) => {
    const documents = readManifests(folder ?? loadConfig().documents.folder);
    const findings = checkDocuments(documents, await readSchema(schema));
    const broken = findings.filter(({ kind }) => kind === "broken");
    if (json) {
      console.log(JSON.stringify({ documents: documents.length, findings: findings.map(plain) }, null, 2));
    } else {
      findings.forEach((finding) => console.log(sentence(finding)));
      const affected = new Set(broken.map(({ document }) => document)).size;
      console.log(`${documents.length} trusted documents, ${affected} of them broken.`);
    }
    process.exitCode = broken.length > 0 ? FINDINGS : CLEAN;
  },
};

async function readSchema(file: string): Promise<GraphQLSchema> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new Error(`Cannot read the schema '${file}'`, { cause });
  });
  return buildSchema(text);
}

function plain({ document: { id, owner, file }, kind, message, line }: DocumentFinding) {
  return { kind, id, owner, file, line, message };
}

function sentence({ document: { id, owner, file }, kind, message, line }: DocumentFinding): string {
  const place = line === null ? "" : `, line ${line}`;
  return `${kind}: ${id}${place} (owner: ${owner}, ${file})\n  ${message}`;
}

export const documentsCommand: CommandModule = {
  command: "documents [action]",
  describe: "Hold the trusted documents of clients against the schema.",
  builder: (args) => args.command(checkCommand).demandCommand(1, "Say what to do: check."),
  handler: () => undefined,
};
