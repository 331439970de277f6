import type { CommandModule } from "yargs";

import type { AccessScope } from "../access/accessScope.ts";
import { accessJson, type AccessReport, accessSarif, accessText } from "../access/report.ts";
import { reportAccess } from "../access/reportAccess.ts";
import { readOwnWaivers, readWaivers, type Waiver } from "../access/waivers.ts";
import { loadConfig } from "../config.ts";
import { assertReachable } from "../database/assertReachable.ts";
import { withClient } from "../database/withClient.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { connectionUrl } from "./url.ts";

interface AccessCheckArguments {
  "database-url": string | undefined;
  schemas: string[] | undefined;
  "exposed-schemas": string[] | undefined;
  roles: string[] | undefined;
  "login-roles": string[] | undefined;
  "tenant-column": string[] | undefined;
  waivers: string | undefined;
  json: boolean | undefined;
  sarif: boolean | undefined;
}

/** Checks one database: the given one, or the configured one with the repository's own waivers. */
async function accessCheck(given: AccessCheckArguments): Promise<AccessReport> {
  const url = given["database-url"] ?? connectionUrl(loadConfig(), "superuser");
  const waivers = await waiversFor(given);
  if (given["database-url"] !== undefined) {
    await assertReachable("--database-url", url);
  }
  const stated: Partial<AccessScope> = {
    schemas: given.schemas,
    exposedSchemas: given["exposed-schemas"],
    requestRoles: given.roles,
    loginRoles: given["login-roles"],
    tenantColumns: given["tenant-column"],
  };
  return withClient(url, (client) => reportAccess(client, { stated, waivers }));
}

/** Those of a file that is named; the repository's own only for the repository's own database. */
async function waiversFor(given: AccessCheckArguments): Promise<Waiver[]> {
  if (given.waivers !== undefined) {
    return readWaivers(given.waivers);
  }
  return given["database-url"] === undefined ? readOwnWaivers() : [];
}

const names = (text: string | undefined) =>
  text
    ?.split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

function assertDatabaseUrl(text: string | undefined): string | undefined {
  if (text !== undefined && !/^postgres(ql)?:\/\//.test(text)) {
    // It may hold a password: it is not repeated.
    throw new Error("--database-url must begin with postgres:// or postgresql://");
  }
  return text;
}

export const accessCheckCommand: CommandModule<object, AccessCheckArguments> = {
  command: "check",
  describe:
    "Hold a database's live catalogue against the rules of docs/access; exit status 1 if anything is found. Nothing is installed or changed.",
  builder: (args) =>
    args
      .option("database-url", {
        type: "string",
        requiresArg: true,
        coerce: assertDatabaseUrl,
        describe:
          "Any Postgres database, 15 or later; the configured one when absent. Any role that may connect will do.",
      })
      .option("schemas", {
        type: "string",
        requiresArg: true,
        coerce: names,
        describe: "Schemas to check, comma-separated; guessed when absent.",
      })
      .option("exposed-schemas", {
        type: "string",
        requiresArg: true,
        coerce: names,
        describe: "Those of them that the API serves; all of them when absent.",
      })
      .option("roles", {
        type: "string",
        requiresArg: true,
        coerce: names,
        describe: "Roles that requests run as, for example anon,authenticated.",
      })
      .option("login-roles", {
        type: "string",
        requiresArg: true,
        coerce: names,
        describe: "Roles that the API connects as; whoever may become a role of requests, when absent.",
      })
      .option("tenant-column", {
        type: "string",
        requiresArg: true,
        coerce: names,
        describe: "The column that says whose a row is, and after it columns that divide a tenant.",
      })
      .option("waivers", {
        type: "string",
        requiresArg: true,
        describe: "A file of waivers; access-waivers.json for the configured database.",
      })
      .option("json", { type: "boolean", describe: "Print one JSON object." })
      .option("sarif", { type: "boolean", describe: "Print SARIF 2.1.0, for code scanning." })
      .conflicts("json", "sarif")
      .example(
        "$0 access check --database-url postgres://… --schemas public --tenant-column tenant_id",
        "checks a Supabase or PostGraphile project",
      ),
  handler: async (given) => {
    const report = await accessCheck(given);
    console.log(given.json ? accessJson(report) : given.sarif ? accessSarif(report) : accessText(report));
    process.exitCode = report.open.length > 0 ? FINDINGS : CLEAN;
  },
};
