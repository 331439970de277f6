import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it, jest } from "@jest/globals";

jest.setTimeout(60_000);

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "documents-"));
afterAll(() => rmSync(folder, { recursive: true }));

function check(
  documents: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; output: string }> {
  writeFileSync(join(folder, "web.json"), JSON.stringify({ owner: "web@example.com", documents }));
  const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
  execFile(
    join(ROOT, "bin/bailiwick"),
    ["documents", "check", "--folder", folder, ...args],
    { cwd: ROOT },
    (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
  );
  return promise;
}

describe("bailiwick documents check", () => {
  it("exits with 0 where the schema breaks nothing", async () => {
    const { code, output } = await check({ fine: "{ viewer { rowId } }" });
    expect([code, output.trim()]).toEqual([0, "1 trusted documents, 0 of them broken."]);
  });

  it("exits with 1 and names what breaks, where, and whose it is", async () => {
    const { code, output } = await check({
      fine: "{ viewer { rowId } }",
      old: "{\n  viewer { shoeSize }\n}",
    });
    expect(code).toBe(1);
    expect(output).toContain("broken: old, line 2 (owner: web@example.com");
    expect(output).toContain("2 trusted documents, 1 of them broken.");
    const { output: json } = await check({ old: "{ shoeSize }" }, "--json");
    expect(JSON.parse(json)).toMatchObject({
      documents: 1,
      findings: [{ id: "old", kind: "broken", line: 1 }],
    });
  });

  it("exits with 2 where it cannot look", async () => {
    const { code, output } = await check({}, "--schema", "/nowhere.graphql");
    expect([code, output]).toEqual([2, expect.stringContaining("Cannot read the schema '/nowhere.graphql'")]);
  });
});
