import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, jest } from "@jest/globals";
import yargs from "yargs";

import { importCommand } from "../../src/commands/importSynthea.ts";
import { type Command, COMMANDS } from "../../src/commands/index.ts";
import { runBailiwick } from "../support/runBailiwick.ts";

jest.setTimeout(60_000);

const ROOT = join(import.meta.dirname, "../..");
/** None of these gets as far as a database. */
const NONE = { database: { url: null, dataDir: "/nonexistent", roleSecret: null } };

const bailiwick = (...args: string[]) => runBailiwick(NONE as Parameters<typeof runBailiwick>[0], ...args);

const parse = async (command: Command, ...args: string[]) =>
  yargs(args)
    .command(command)
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseAsync();

describe("the command line", () => {
  it.each([
    ["access", "Say what to do: check, "],
    ["audit", "Say what to do: verify, "],
    ["backfill", "Say what to do: list, run, status, reverse or forget."],
    ["backup", "Say what to do: create, restore or verify."],
    ["catalog", "Say what to do: export or check."],
    ["documents", "Say what to do: check."],
    ["import", "Say which format: synthea."],
    ["jobs", "Say what to do: list, show, retry or drop."],
    ["migrate", "Say what to do: up, "],
    ["new", "Say what is new: table."],
    ["schema", "Say what to do: export, check or compile."],
  ])("says what '%s' can do where nothing is said, or something else", async (name, sentence) => {
    const command = (await COMMANDS[name]?.()) as Command;
    await expect(parse(command, name)).rejects.toThrow(sentence);
    await expect(parse(command, name, "bogus")).rejects.toThrow(sentence);
  });

  it("cannot import from no folder: it would be the current one", () =>
    expect(parse(importCommand, "import", "synthea", "")).rejects.toThrow(
      "Name the folder of the export; got ''.",
    ));

  it.each(["create", "restore", "verify"])("cannot %s a backup in a file without a name", async (action) => {
    const command = (await COMMANDS.backup?.()) as Command;
    await expect(parse(command, "backup", action, "")).rejects.toThrow(
      "Name the file of the backup; got ''.",
    );
  });

  it.each<[string[], string]>([
    [["access", "why"], "Something is missing: bailiwick access why <person> <row..>; --help says more."],
    [["token", "a", "--hours"], "A value is missing after --hours."],
  ])("says of %j what is missing", async (args, sentence) => {
    expect(await bailiwick(...args)).toEqual({ code: 2, output: `bailiwick: ${sentence}\n` });
  });

  it("prints the version of package.json", async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(await bailiwick("--version")).toEqual({ code: 0, output: `${version}\n` });
  });
});
