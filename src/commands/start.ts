import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { makeLogger } from "../logging.ts";
import { seedDatabase } from "../seed/seedDatabase.ts";
import { type RunningDevelopment, startDevelopment, type StartOptions } from "../startDevelopment.ts";
import { stopSignal } from "../stopSignal.ts";
import { welcome } from "./welcome.ts";

/** Starts everything, says where it is, and stops it in order when told to. `whileRunning` gets its own clean-up. */
export async function runUntilStopped(
  { includeCurrent, seed }: Pick<StartOptions, "includeCurrent" | "seed">,
  whileRunning: (running: RunningDevelopment) => Promise<() => Promise<void>> = async () => async () =>
    undefined,
): Promise<void> {
  const stopped = stopSignal();
  const config = loadConfig();
  if (config.environment === "production") {
    throw new Error(
      "This command is for development. In production: 'bailiwick migrate up', then 'npm run serve' and 'npm run worker'.",
    );
  }
  const began = Date.now();
  const onStep = (step: string) => console.log(`${step} …`);
  const running = await startDevelopment(config, makeLogger(config), { includeCurrent, seed, onStep });
  try {
    const finish = await whileRunning(running);
    try {
      console.log(`Ready in ${((Date.now() - began) / 1000).toFixed(1)} s.\n\n${await welcome(running)}`);
      await stopped;
      console.log("\nStopping …");
    } finally {
      await finish();
    }
  } finally {
    await running.close();
  }
}

export const startCommand: CommandModule = {
  command: "start",
  describe:
    "Start everything for development: Postgres, roles, schema, demo data, gateway and worker, until Ctrl-C.",
  handler: () =>
    runUntilStopped({
      includeCurrent: true,
      seed: async (database) => {
        await seedDatabase(database);
      },
    }),
};
