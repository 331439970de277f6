import { readFile } from "node:fs/promises";

import { describe, expect, it } from "@jest/globals";

import { CATALOGUE, CODE_BY_OWN_SQLSTATE, CODE_BY_POSTGRES_SQLSTATE } from "../../src/errors/catalogue.ts";

/** The rows of every table of the page, each as its cells without code marks. */
async function tableRows(): Promise<string[][]> {
  const page = await readFile(new URL("../../docs/error-codes.md", import.meta.url), "utf8");
  return page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim().replace(/^`([A-Z0-9_]+)`$/, "$1")),
    );
}

describe("docs/error-codes.md", () => {
  it("says of every code what the catalogue says", async () => {
    const rows = (await tableRows()).filter(([code]) => code && code in CATALOGUE);
    const expected = Object.entries(CATALOGUE).map(([code, { status, message, advice }]) => [
      code,
      String(status),
      message,
      advice,
    ]);
    expect(rows).toEqual(expected);
  });

  it("lists every SQLSTATE that is mapped, and no other", async () => {
    const rows = (await tableRows()).filter(([code]) => code && !(code in CATALOGUE));
    const expected = [...CODE_BY_OWN_SQLSTATE, ...CODE_BY_POSTGRES_SQLSTATE];
    expect(rows.map((cells) => [cells[0], cells.at(-1)])).toEqual(expected);
  });
});
