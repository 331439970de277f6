import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import yargs from "yargs";

import { auditVerifyCommand } from "../../src/commands/auditVerify.ts";

const FOLDER = import.meta.dirname;
const PROSE = join(FOLDER, "../../README.md");

const verify = async (...args: string[]) =>
  yargs(["verify", ...args])
    .command(auditVerifyCommand)
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseAsync();

describe("audit verify", () => {
  it.each<[string, string[], string]>([
    ["a file that is not there", ["--anchor", "/nowhere"], "must name a file; there is none at '/nowhere'"],
    ["a folder", ["--anchor", FOLDER], "--anchor must name a file; there is none"],
    ["a file of something else", ["--anchor", PROSE], `'${PROSE}' has none.`],
    ["no file", ["--anchor"], "Not enough arguments following: anchor"],
    ["an empty name", ["--anchor", ""], "--anchor must name a file"],
  ])("cannot take %s for anchors: nothing would be compared", (_title, args, sentence) =>
    expect(verify(...args)).rejects.toThrow(sentence),
  );

  it.each<[string, string[], string]>([
    ["a folder that is not there", ["--exports", "/nowhere"], "--exports must name a folder; there is none"],
    ["a file", ["--exports", PROSE], "--exports must name a folder; there is none"],
    ["an empty name", ["--exports", ""], "--exports must name a folder"],
  ])("cannot take %s for exports", (_title, args, sentence) =>
    expect(verify(...args)).rejects.toThrow(sentence),
  );
});
