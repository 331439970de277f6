import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

const ROOT = join(import.meta.dirname, "../..");
const ROW = /^\| (R\d+)\s*\| (.*?)\s*\| (.*?)\s*\|$/;
const PATH = /`((?:src|test|plugins|scripts|migrations|docs)(?:\/[\w.-]+)+|[\w.-]+\.(?:md|graphql))`/g;

/** What is wrong with a page of requirements, one sentence each. */
function findings(page: string, exists: (path: string) => boolean): string[] {
  const rows = page.split("\n").flatMap((line) => {
    const [, number = "", built = "", proof = ""] = ROW.exec(line) ?? [];
    return number ? [{ number, built, proof }] : [];
  });
  const numbers = rows.map(({ number }) => Number(number.slice(1)));
  const isSorted = numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0));
  const paths = [...page.matchAll(PATH)].map(([, path = ""]) => path);
  return [
    ...(isSorted ? [] : ["The rows are not in the order of their numbers, each once."]),
    ...paths.filter((path) => !exists(path)).map((path) => `There is no ${path}.`),
    ...rows
      .filter(({ proof, built }) => !/`test\/[^`]+`/.test(proof) && !/missing/i.test(built))
      .map(({ number }) => `${number} has no test, and nothing says that it is missing.`),
  ];
}

describe("the page of requirements", () => {
  it("names nothing that is not there, has its rows in order, and says what is missing", () => {
    const page = readFileSync(join(ROOT, "docs/requirements.md"), "utf8");
    expect(page.split("\n").filter((line) => ROW.test(line)).length).toBeGreaterThan(100);
    expect(findings(page, (path) => existsSync(join(ROOT, path)))).toEqual([]);
  });

  it.each([
    ["a path that is not there", "| R1 | `src/none.ts` | `test/a.test.ts` |", "There is no src/none.ts."],
    ["a row without a test", "| R1 | `src/a.ts` | – |", /R1 has no test/],
    [
      "a row twice",
      "| R2 | `src/a.ts` | `test/a.test.ts` |\n| R2 | `src/a.ts` | `test/a.test.ts` |",
      /order/,
    ],
  ])("is found at fault for %s", (_what, page, finding) => {
    expect(findings(page, (path) => path !== "src/none.ts")).toEqual([expect.stringMatching(finding)]);
  });
});
