import type { CommandModule } from "yargs";

import { loadEnvironment } from "../config.ts";
import { examine } from "../doctor/examine.ts";
import { makeLogger } from "../logging.ts";
import { observationOptions, tellObservations } from "./tellObservations.ts";

export const doctorCommand: CommandModule<object, { json: boolean }> = {
  command: "doctor",
  describe:
    "Say what is wrong with the environment, in sentences that say what to do; exit status 1 if anything is.",
  builder: (args) => args.options(observationOptions),
  handler: async ({ json }) => {
    const logger = makeLogger({ environment: "development", log: { level: "error" } });
    tellObservations(await examine(loadEnvironment(), logger), { json });
  },
};
