import yargs from "yargs";

import project from "../package.json" with { type: "json" };
import { COULD_NOT_RUN } from "./commands/exitCodes.ts";
import { COMMANDS } from "./commands/index.ts";
import { describeFailure } from "./describeFailure.ts";

const ARGUMENTS = process.argv.slice(2);
const HELP_WIDTH = 110;

/** One command is loaded if its name comes first, all of them for `--help` or a mistake. */
async function loadCommands() {
  const named = COMMANDS[ARGUMENTS[0] ?? ""];
  return Promise.all(named ? [named()] : Object.values(COMMANDS).map((load) => load()));
}

/** yargs counts what is missing, and does not name it. Undefined for any other complaint. */
function sayWhatIsMissing(message: string | null, help: string): string | undefined {
  if (message?.startsWith("Not enough non-option arguments")) {
    return `Something is missing: ${help.split("\n")[0]}; --help says more.`;
  }
  const [, option] = /^Not enough arguments following: (\S+)$/.exec(message ?? "") ?? [];
  return option && `A value is missing after ${option.length === 1 ? "-" : "--"}${option}.`;
}

async function main(): Promise<void> {
  const cli = yargs(ARGUMENTS)
    .scriptName("bailiwick")
    .usage("$0 <command>\n\nA GraphQL gateway over Postgres in which row security does all authorization.")
    .command(await loadCommands())
    .demandCommand(1, "Name a command; `npx bailiwick --help` lists them.")
    .strict()
    .help()
    .version(project.version)
    .wrap(HELP_WIDTH)
    .epilogue(
      "Exit status: 0 clean, 1 findings, 2 could not run. Settings come from the environment, see .env.example.",
    )
    .exitProcess(false)
    .fail((message, error, usage) => {
      // Typed as if it were yargs itself: help() is the text that --help prints, its first line what is to be typed.
      const missing = sayWhatIsMissing(message, String(usage.help()));
      throw missing ? new Error(missing) : (error ?? new Error(message));
    });
  await cli.parseAsync();
}

await main().catch((error: unknown) => {
  process.stderr.write(`bailiwick: ${describeFailure(error)}\n`);
  process.exitCode = COULD_NOT_RUN;
});
