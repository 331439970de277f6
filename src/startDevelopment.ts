import type { Client } from "pg";
import type { Logger } from "pino";

import type { Config } from "./config.ts";
import { openDatabase } from "./database/openDatabase.ts";
import { prepareDatabase, type PreparedDatabase } from "./database/prepareDatabase.ts";
import { portProblem } from "./portProblem.ts";
import { ReleaseList } from "./ReleaseList.ts";
import { type RunningStack, startStack } from "./startStack.ts";

export interface RunningDevelopment extends Pick<RunningStack, "gateway"> {
  database: PreparedDatabase;
  close(): Promise<void>;
}

export interface StartOptions {
  /** Also run the open migration before serving; `watch` does that itself, so that a broken one keeps nobody out. */
  includeCurrent: boolean;
  /** Loads the demo data; called for a database without any organization, by one instance only. */
  seed?: (database: PreparedDatabase) => Promise<void>;
  /** Told what is being done, in a few words. */
  onStep: (step: string) => void;
}

/** Everything in one process: database, roles, schema, demo data if there is none, gateway and worker. */
export async function startDevelopment(
  given: Config,
  logger: Logger,
  { includeCurrent, seed, onStep }: StartOptions,
): Promise<RunningDevelopment> {
  await assertPortsFree(given);
  const releases = new ReleaseList();
  try {
    onStep(
      given.database.url ? "Connecting to DATABASE_URL" : `Starting Postgres 18 in ${given.database.dataDir}`,
    );
    const database = await openDatabase(given, logger);
    releases.add(database.close);
    onStep("Bringing the schema up to date");
    await prepareDatabase(database, logger, {
      includeCurrent,
      afterwards: async (client) => {
        if (seed !== undefined && (await isEmpty(client))) {
          onStep("Loading the demo data");
          await seed(database);
        }
      },
    });
    onStep("Building the API");
    const stack = await startStack(database.config, { urls: database.urls, logger });
    releases.add(stack.close);
    return { gateway: stack.gateway, database, close: () => releases.releaseAll() };
  } catch (error) {
    await releases.releaseAll();
    throw error;
  }
}

/** Before anything is started: a port is the likeliest thing to be missing, and the cheapest to look at. */
async function assertPortsFree({ http: { host, port, adminPort } }: Config): Promise<void> {
  const problem =
    (await portProblem(host, port, "PORT")) ?? (await portProblem(host, adminPort, "ADMIN_PORT"));
  if (problem !== null) {
    throw new Error(problem);
  }
}

async function isEmpty(client: Client): Promise<boolean> {
  const { rowCount } = await client.query("select from app_public.organizations limit 1");
  return rowCount === 0;
}
