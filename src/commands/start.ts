import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import type { PreparedDatabase } from "../database/prepareDatabase.ts";
import { describeFailure } from "../describeFailure.ts";
import { makeLogger } from "../logging.ts";
import { seedEmptyDatabase } from "../seed/seedEmptyDatabase.ts";
import { type RunningDevelopment, startDevelopment, type StartOptions } from "../startDevelopment.ts";
import { stopSignal } from "../stopSignal.ts";
import { welcome } from "./welcome.ts";

interface RunOptions extends Pick<StartOptions, "onBrokenMigration"> {
  /** What goes on besides, in sentences for the banner. */
  alsoSay?: string;
}

/** Starts everything, says where it is, and stops it in order when told to. `whileRunning` gets its own clean-up. */
export async function runUntilStopped(
  { onBrokenMigration, alsoSay }: RunOptions = {},
  whileRunning: (running: RunningDevelopment) => () => Promise<void> = () => async () => undefined,
): Promise<void> {
  const abort = new AbortController();
  const stopped = stopSignal().then(() => {
    console.log("\nStopping …");
    abort.abort();
  });
  const config = loadConfig();
  if (config.environment === "production") {
    throw new Error(
      "This command is for development. In production: 'bailiwick migrate up', then 'npm run serve' and 'npm run worker'.",
    );
  }
  const began = Date.now();
  const onStep = (step: string) => console.log(`${step} …`);
  const options = { onBrokenMigration, onStep, signal: abort.signal };
  const running = await startDevelopment(config, makeLogger(config), options).catch((error: unknown) => {
    if (error === abort.signal.reason) {
      return null;
    }
    throw error;
  });
  if (running === null) {
    return;
  }
  try {
    const finish = whileRunning(running);
    try {
      await loadDemoData(running.database);
      console.log(
        `Ready in ${((Date.now() - began) / 1000).toFixed(1)} s.\n\n${await welcome(running, alsoSay)}`,
      );
      await stopped;
    } finally {
      await finish();
    }
  } finally {
    await running.close();
  }
}

/** Demo data that do not fit the schema under development keep nobody from working on it. */
async function loadDemoData(database: PreparedDatabase): Promise<void> {
  try {
    if (await seedEmptyDatabase(database)) {
      console.log("Demo data loaded.");
    }
  } catch (error) {
    console.error(`The demo data could not be loaded: ${describeFailure(error)}`);
  }
}

export const startCommand: CommandModule = {
  command: "start",
  describe:
    "Start everything for development: Postgres, roles, schema, demo data, gateway and worker, until Ctrl-C.",
  handler: () => runUntilStopped(),
};
