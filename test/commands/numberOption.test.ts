import { describe, expect, it } from "@jest/globals";
import yargs from "yargs";

import { countOption, wholeNumberOption } from "../../src/commands/numberOption.ts";
import { tokenCommand } from "../../src/commands/token.ts";

const strictly = (...args: string[]) =>
  yargs(args)
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    });
const parse = async (...args: string[]) =>
  strictly(...args)
    .option("lines", { alias: "n", ...countOption("--lines", 20, "How many.") })
    .option("years", wholeNumberOption("--years", { least: 6, most: 100 }, "How long."))
    .option("seed", wholeNumberOption("--seed", { least: 0 }, "Any."))
    .parseAsync();

describe("an option that is a whole number", () => {
  it("is what was typed, or its default, or nothing", async () => {
    expect(await parse("-n", "5", "--years", "6", "--seed", "0")).toMatchObject({
      lines: 5,
      years: 6,
      seed: 0,
    });
    const { lines, years } = await parse();
    expect([lines, years]).toEqual([20, undefined]);
  });

  it.each([
    ["--lines", "abc", "--lines must be a whole number from 1 to 1000000; got 'abc'."],
    ["--lines", "-5", "got '-5'."],
    ["-n", "0", "--lines must be a whole number from 1 to 1000000; got '0'."],
    ["--lines", "1e99", "got '1e99'."],
    ["--lines", "1.5", "got '1.5'."],
    ["--lines", "0x10", "got '0x10'."],
    ["--lines", "", "got ''."],
    ["--years", "5", "--years must be a whole number from 6 to 100; got '5'."],
    ["--seed", "-1", "--seed must be a whole number from 0 on; got '-1'."],
    ["--seed", "99999999999999999999", "got '99999999999999999999'."],
  ])("cannot be %s '%s'", (option, value, sentence) =>
    expect(parse(option, value)).rejects.toThrow(sentence),
  );

  it("cannot be there without a value", () =>
    expect(parse("--lines")).rejects.toThrow("Not enough arguments following: lines"));
});

describe("the hours of a token", () => {
  const token = async (...args: string[]) =>
    strictly("token", ...args)
      .command(tokenCommand)
      .parseAsync();

  it.each(["abc", "0", "25", ""])("cannot be '%s'", (hours) =>
    expect(token("alice@example.com", "--hours", hours)).rejects.toThrow(
      `--hours must be more than 0 and at most 24; got '${hours}'.`,
    ),
  );

  it("cannot be left out behind their option", () =>
    expect(token("alice@example.com", "--hours")).rejects.toThrow("Not enough arguments following: hours"));
});
