import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { treeFindings } from "./treeFindings.ts";

const ROOT = join(import.meta.dirname, "../..");
const FOLDERS = ["src", "plugins", "test", "scripts", "bench", "migrations", "docs"];

function sourceFiles() {
  return (
    FOLDERS.flatMap((folder) => {
      try {
        return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") {
          return [];
        }
        throw error;
      }
    })
      // The benchmarks have dependencies of their own.
      .filter((entry) => !entry.parentPath.split(sep).includes("node_modules", ROOT.split(sep).length))
      .filter((entry) => entry.isFile() && /\.(ts|js|sql|md|sh|graphql)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({
        path: relative(ROOT, file).replaceAll(sep, "/"),
        text: readFileSync(file, "utf8"),
      }))
  );
}

describe("the tree", () => {
  it("keeps its rules", () => {
    const files = sourceFiles();
    expect(files.length).toBeGreaterThan(20);
    expect(treeFindings(files)).toEqual([]);
  });

  // `src/access` holds queries of the catalogue, and `test/access` a schema for each of them to find fault with.
  it("has no migration outside its places", () => {
    const stray = sourceFiles().filter(
      ({ path }) =>
        path.endsWith(".sql") &&
        !/^(migrations\/(setup|fixtures|current|committed|backfills)|(src|test)\/access)\//.test(path),
    );
    expect(stray).toEqual([]);
  });
});

describe("a breach is noticed:", () => {
  it.each([
    ["a folder named utils", { path: "src/utils/dates.ts", text: "" }, /missing noun/],
    ["a file named helpers", { path: "test/support/helpers.ts", text: "" }, /missing noun/],
    ["a long file", { path: "src/server.ts", text: "x\n".repeat(301) }, /301 lines; at most 300/],
    ["a long fixture", { path: "migrations/fixtures/a/b.sql", text: "x\n".repeat(151) }, /151 lines/],
    ["unfinished work", { path: "docs/a.md", text: "ok\nTO" + "DO: later\n" }, /docs\/a\.md:2/],
    [
      "a read of the environment",
      { path: "src/http/health.ts", text: "process.env.PORT\n" },
      /src\/config\.ts/,
    ],
    ["a print", { path: "src/http/health.ts", text: "console.log(1)\n" }, /only commands/],
  ])("%s", (_title, file, finding) => {
    expect(treeFindings([file])).toEqual([expect.stringMatching(finding)]);
  });

  it("and a clean file has none", () => {
    expect(treeFindings([{ path: "src/config.ts", text: "process.env.PORT\n".repeat(300) }])).toEqual([]);
  });
});
