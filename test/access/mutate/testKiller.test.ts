import { describe, expect, it } from "@jest/globals";

import { assertTests } from "../../../src/access/mutate/testKiller.ts";

describe("the tests that a mutant is held against", () => {
  it.each(["", "schema/audit", "tasks/cleanUp", "access/explain"])(
    "are there by a part of their path: '%s'",
    (part) => expect(assertTests(part)).resolves.toBeUndefined(),
  );

  it.each(["nonsense", "http/", "../src"])(
    "are not there by '%s', which is said before anything is tried",
    (part) =>
      expect(assertTests(part)).rejects.toThrow(
        `No test that mutants are held against has '${part}' in its path below test/.`,
      ),
  );
});
