import { describe, expect, it } from "@jest/globals";

import { redactError, redactText } from "../../src/errors/redactError.ts";

describe("redactText", () => {
  it.each([
    ['invalid input syntax for type uuid: "Jane Doe"', "invalid input syntax for type uuid: […]"],
    ["Key (email)=(jane@example.com) already exists.", "Key […]=[…] already exists."],
    ["mail to jane@example.com failed", "mail to […] failed"],
    ["patient 0198c5d8-7d2e-7c1a-9f00-1f2e3d4c5b6a has 4165550100", "patient […] has […]"],
  ])("blanks the values of %p", (message, expected) => {
    expect(redactText(message)).toBe(expected);
  });

  it("keeps names of constraints, which say what went wrong", () => {
    const message = 'duplicate key value violates unique constraint "patients_organization_id_mrn_key"';
    expect(redactText(message)).toBe(message);
  });
});

describe("redactError", () => {
  it("keeps where an error came from and drops what it was about", () => {
    const error = Object.assign(new Error("Failing row contains (Jane, Doe)."), {
      code: "23514",
      table: "patients",
      constraint: "patients_birth_date_check",
      detail: "Failing row contains (Jane, Doe).",
      where: 'PL/pgSQL function app_public.book(uuid) line 3 at RAISE\nCOPY patients, line 7: "Jane"',
      internalQuery: "select 'Jane'",
    });
    const redacted = redactError(error);
    expect(JSON.stringify(redacted)).not.toContain("Jane");
    expect(redacted).toMatchObject({
      sqlState: "23514",
      table: "patients",
      constraint: "patients_birth_date_check",
      functions: ["PL/pgSQL function app_public.book(uuid) line 3 at RAISE"],
    });
  });

  it("keeps causes", () => {
    const error = new Error("Cannot serve.", { cause: new Error("'Jane' is missing") });
    expect(redactError(error).cause?.message).toBe("[…] is missing");
  });
});
