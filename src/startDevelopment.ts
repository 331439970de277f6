import type { Logger } from "pino";

import type { Config } from "./config.ts";
import { MigrationError } from "./database/MigrationError.ts";
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
  /** Told of an open migration that fails; what it left of the schema is served then. Without it, the start fails too. */
  onBrokenMigration?: (error: MigrationError) => void;
  /** Told what is being done, in a few words. */
  onStep: (step: string) => void;
  /** Ends the start after the step that is under way: what has been started stops, and the signal's reason is thrown. */
  signal: AbortSignal;
}

/** Everything in one process: database, roles, schema, gateway and worker. */
export async function startDevelopment(
  given: Config,
  logger: Logger,
  { onBrokenMigration, onStep, signal }: StartOptions,
): Promise<RunningDevelopment> {
  await assertPortsFree(given);
  const releases = new ReleaseList();
  try {
    onStep(
      given.database.url ? "Connecting to DATABASE_URL" : `Starting Postgres 18 in ${given.database.dataDir}`,
    );
    const database = await openDatabase(given, logger);
    releases.add(database.close);
    signal.throwIfAborted();
    onStep("Bringing the schema up to date");
    await prepareDatabase(database, logger, { includeCurrent: true }).catch(async (error: unknown) => {
      if (!(error instanceof MigrationError && onBrokenMigration)) {
        throw error;
      }
      // Fails again where it was a committed one.
      await prepareDatabase(database, logger, { includeCurrent: false });
      onBrokenMigration(error);
    });
    signal.throwIfAborted();
    onStep("Building the API");
    const stack = await startStack(database.config, { urls: database.urls, logger });
    releases.add(stack.close);
    signal.throwIfAborted();
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
