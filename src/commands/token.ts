import type { CommandModule } from "yargs";

import { signToken } from "../auth/signToken.ts";
import { type Config, loadConfig } from "../config.ts";
import { startDevelopmentSession } from "../database/developmentSession.ts";
import { openMigratedDatabase } from "../database/openMigratedDatabase.ts";
import { makeLogger } from "../logging.ts";

const HOUR_SECONDS = 60 * 60;
const DEFAULT_HOURS = 12;
const MAXIMUM_HOURS = 24;

/** Makes a session for a person and signs a token for it; null when nobody has that e-mail address. */
export async function developmentToken(
  config: Config,
  adminUrl: string,
  email: string,
  hours = DEFAULT_HOURS,
): Promise<string | null> {
  if (config.environment === "production") {
    throw new Error(
      "Production issues no development tokens; people sign in with log_in or through the issuer.",
    );
  }
  const lifetimeSeconds = hours * HOUR_SECONDS;
  const session = await startDevelopmentSession(adminUrl, email, lifetimeSeconds);
  return session && signToken(config.auth, session, lifetimeSeconds);
}

async function token(given: Config, email: string, hours: number): Promise<string> {
  const { config, urls, close } = await openMigratedDatabase(given, makeLogger(given));
  try {
    const signed = await developmentToken(config, urls.superuser, email, hours);
    if (signed === null) {
      throw new Error(
        `Nobody has the e-mail address '${email}'; 'npx bailiwick seed' makes the demo people.`,
      );
    }
    return signed;
  } finally {
    await close();
  }
}

export const tokenCommand: CommandModule<object, { person: string; hours: number }> = {
  command: "token <person>",
  describe: "Print a development token for a person, and nothing else, on stdout.",
  builder: (args) =>
    args
      .positional("person", { type: "string", demandOption: true, describe: "The person's e-mail address." })
      .option("hours", {
        type: "string",
        requiresArg: true,
        default: DEFAULT_HOURS,
        coerce: readHours,
        describe: `How long it lives, at most ${MAXIMUM_HOURS} hours.`,
      })
      .example("$0 token alice@example.com", "signs in as the owner of the demo organization"),
  handler: async ({ person, hours }) => {
    console.log(await token(loadConfig(), person, hours));
  },
};

/** Half an hour is 0.5: no whole number. */
function readHours(value: string | number): number {
  const hours = value === "" ? Number.NaN : Number(value);
  if (!(hours > 0 && hours <= MAXIMUM_HOURS)) {
    throw new Error(`--hours must be more than 0 and at most ${MAXIMUM_HOURS}; got '${value}'.`);
  }
  return hours;
}
