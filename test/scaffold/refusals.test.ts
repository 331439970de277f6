import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { readExistingSchema } from "../../src/scaffold/existingTables.ts";
import { parseNewTable, type TableRequest } from "../../src/scaffold/newTable.ts";

const schema = readExistingSchema(join(import.meta.dirname, "../../migrations"));
const refusal = (request: Partial<TableRequest>) => () =>
  parseNewTable({ path: "rehearsing/rehearsals", scope: "clinic", columns: [], ...request }, schema);

describe("a table is refused", () => {
  it.each([
    ["without a domain", "rooms", "Name the table as <domain>/<name>, such as scheduling/rooms; got 'rooms'"],
    ["with a path too long", "a/b/c", "Name the table as <domain>/<name>"],
    ["with capitals", "clinical/Rooms", "The name of the table 'Rooms' must be lower-case words"],
    ["outside the fixtures", "../rooms", "The name of the domain '..' must be lower-case words"],
    ["in the singular", "clinical/room", "A table is named in the plural, as 'appointments' is; got 'room'."],
    [
      "with a word of SQL",
      "clinical/references",
      "The name of the table 'references' is a reserved word of SQL.",
    ],
    ["with a name too long", `clinical/${"a".repeat(32)}s`, "must have at most 32 characters"],
    ["that exists", "clinical/patients", "There is a table, view or type app_public.patients already."],
    [
      "that is a view",
      "tenancy/memberships",
      "There is a table, view or type app_public.memberships already.",
    ],
  ])("%s", (_title, path, sentence) => {
    expect(refusal({ path })).toThrow(sentence);
  });
});

describe("a column is refused", () => {
  it.each([
    ["without a type", "note", "A column is name:type or name:type:optional; got 'note'."],
    [
      "with another option",
      "note:text:maybe",
      "A column is name:type or name:type:optional; got 'note:text:maybe'.",
    ],
    [
      "of an unknown type",
      "size:int4",
      "The type of the column 'size' must be one of text, boolean, integer, bigint, numeric, date, time, timestamptz, " +
        "uuid, jsonb, or a table of app_public; got 'int4'.",
    ],
    ["of a type every object has", "size:constructor", "got 'constructor'."],
    ["that every table has", "created_at:timestamptz", "The column 'created_at' comes by itself"],
    ["with a word of SQL", "order:integer", "The name of the column 'order' is a reserved word of SQL."],
    [
      "that refers without _id",
      "patient:patients",
      "A column that refers to a table ends in _id; got 'patient'.",
    ],
    [
      "that would refer across tenants",
      "user_id:users:optional",
      "'user_id' cannot refer to users: a key that crosses no tenant needs its unique (organization_id, id)",
    ],
    [
      "that would refer across clinics",
      "appointment_id:appointments",
      "'appointment_id' cannot refer to appointments: a key that crosses no tenant needs its unique (organization_id, clinic_id, id)",
    ],
    [
      "that the tests and the demo data have no row for",
      "goal_id:goals",
      "and none of goals that 'goal_id' could refer to: make it goal_id:goals:optional.",
    ],
  ])("%s", (_title, column, sentence) => {
    expect(refusal({ columns: [column] })).toThrow(sentence);
  });

  it("that refers to patients from a table of the organization", () => {
    expect(refusal({ scope: "organization", columns: ["patient_id:patients"] })).toThrow(
      "'patient_id' cannot refer to patients from a table of the organization: its admins write it, who see no patients.",
    );
  });

  it("when it is given twice", () => {
    expect(refusal({ columns: ["note:text", "note:date"] })).toThrow("The column 'note' is given twice.");
  });

  it("together with everything else that is wrong", () => {
    expect(refusal({ path: "clinical/room", columns: ["order:text", "x"] })).toThrow(
      /plural[^]*reserved word[^]*name:type/,
    );
  });
});
