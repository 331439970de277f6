import { describe, expect, it } from "@jest/globals";

import { FieldReader } from "../../src/import/synthea/FieldReader.ts";

type Reading = "uuid" | "text" | "name" | "personName" | "day" | "time" | "cents";

function read(kind: Reading, value: string) {
  const fields = new FieldReader(["X"]);
  fields.start([value]);
  const result = fields[kind]("X");
  return { result, problem: fields.problem?.detail ?? null };
}

describe("a field", () => {
  it.each<[Reading, string, string | null]>([
    ["uuid", "3EDAC2E3-D223-6FAE-D515-DAF96EF6BC76", "3edac2e3-d223-6fae-d515-daf96ef6bc76"],
    ["personName", "Ludivina884 Steuber698", "Ludivina Steuber"],
    ["personName", " José  Eduardo", "José Eduardo"],
    ["text", "", null],
    ["text", "=HYPERLINK(1)", "HYPERLINK(1)"],
    ["text", "a\tb\u202Ec", "a b c"],
    ["day", "2016-02-29", "2016-02-29"],
    ["time", "2023-01-27T16:17:47Z", "2023-01-27T16:17:47Z"],
    ["time", "2023-01-27T16:17:47-05:00", "2023-01-27T16:17:47-05:00"],
    ["cents", "129.16", "12916"],
    ["cents", "0.005", "1"],
    ["cents", "7", "700"],
    ["cents", "", null],
  ])("read as %s turns '%s' into '%s'", (kind, value, expected) => {
    expect(read(kind, value)).toEqual({ result: expected, problem: null });
  });

  it.each<[Reading, string, RegExp]>([
    ["uuid", "1", /a uuid/],
    ["name", "", /1 to 200 characters/],
    ["name", "x".repeat(201), /1 to 200 characters/],
    ["personName", "42", /a name/],
    ["day", "2015-02-29", /a date/],
    ["day", "29/02/2016", /a date/],
    ["time", "2023-01-27T16:17:47", /a time/],
    ["time", "2023-01-27T25:00:00Z", /a time/],
    ["cents", "-1", /an amount/],
  ])("read as %s refuses '%s', without repeating it", (kind, value, problem) => {
    const refused = read(kind, value);
    expect(refused.result).toBeNull();
    expect(refused.problem).toMatch(problem);
    expect(refused.problem).toMatch(/^X must be /);
  });
});
