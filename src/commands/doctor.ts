import type { CommandModule } from "yargs";

import { loadEnvironment } from "../config.ts";
import { examine } from "../doctor/examine.ts";
import { makeLogger } from "../logging.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";

export const doctorCommand: CommandModule<object, { json: boolean }> = {
  command: "doctor",
  describe:
    "Say what is wrong with the environment, in sentences that say what to do; exit status 1 if anything is.",
  builder: (args) =>
    args.option("json", {
      type: "boolean",
      default: false,
      describe: "Print a JSON array instead of sentences.",
    }),
  handler: async ({ json }) => {
    const logger = makeLogger({ environment: "development", log: { level: "error" } });
    const observations = await examine(loadEnvironment(), logger);
    if (json) {
      console.log(JSON.stringify(observations, null, 2));
    } else {
      for (const { topic, isFinding, sentence } of observations) {
        console.log(`${isFinding ? "✗" : "✓"} ${topic}: ${sentence}`);
      }
    }
    process.exitCode = observations.some(({ isFinding }) => isFinding) ? FINDINGS : CLEAN;
  },
};
