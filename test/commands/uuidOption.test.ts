import { describe, expect, it } from "@jest/globals";

import { uuidOption } from "../../src/commands/uuidOption.ts";

const read = uuidOption("--organization");

describe("an option that is an id", () => {
  it("passes an id on, and nothing where nothing was given", () => {
    expect(read("0190a0b0-0000-7000-8000-000000000001")).toBe("0190a0b0-0000-7000-8000-000000000001");
    expect(read(undefined)).toBeUndefined();
  });

  it.each(["", "acme", "0190a0b0-0000-7000-8000-00000000000", "' or true --"])("denies '%s'", (value) => {
    expect(() => read(value)).toThrow(`--organization must be an id (a uuid); got '${value}'.`);
  });
});
