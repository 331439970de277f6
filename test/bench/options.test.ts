import { describe, expect, it } from "@jest/globals";

import { parseOptions } from "../../bench/options.ts";

const known = { workloads: ["point", "list"], servers: ["bailiwick", "postgraphile5"] };

describe("the benchmark's options", () => {
  it("have defaults", () => {
    const { options, isHelp } = parseOptions([], known);
    expect(isHelp).toBe(false);
    expect(options).toEqual({
      workloads: [],
      seconds: 2,
      rounds: 3,
      connections: 32,
      size: "full",
      only: [],
      writesPage: true,
    });
  });

  it("can name workloads and servers", () => {
    const { options } = parseOptions(["list", "--only", "bailiwick,postgraphile5", "--rows", "small"], known);
    expect(options).toMatchObject({
      workloads: ["list"],
      only: ["bailiwick", "postgraphile5"],
      size: "small",
      writesPage: false,
    });
  });

  it("can ask for the page of some workloads", () =>
    expect(parseOptions(["list", "--page"], known).options.writesPage).toBe(true));

  it.each([
    [["other"], "Unknown workload 'other'; there are: point, list"],
    [["--only", "apollo"], "Unknown server 'apollo'; there are: bailiwick, postgraphile5"],
    [["--seconds", "0"], "--seconds must be above 0; got '0'"],
    [["--rounds", "1.5"], "--rounds must be a whole number; got '1.5'"],
    [["--rows", "many"], "--rows must be small or full or huge; got 'many'"],
  ])("refuse %j", (args, sentence) => {
    expect(() => parseOptions(args, known)).toThrow(sentence);
  });
});
