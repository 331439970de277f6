import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { hashCode, originDifference } from "../../src/schemaFile/schemaOrigin.ts";

let root: string;

const write = (path: string, text: string) => writeFileSync(join(root, path), text);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "origin-"));
  mkdirSync(join(root, "plugins"));
  mkdirSync(join(root, "src"));
  mkdirSync(join(root, "migrations/committed"), { recursive: true });
  write("package.json", '{ "version": "1.0.0" }');
  write("package-lock.json", "{}");
  write("plugins/OnePlugin.ts", "export const one = 1;");
  write("src/preset.ts", "");
  write("migrations/committed/000001-first.sql", "create table one ();");
});
afterEach(() => rmSync(root, { recursive: true }));

describe("the hash of the code that an API is made by", () => {
  it.each([
    ["package.json", '{ "version": "1.0.1" }'],
    ["package-lock.json", '{ "lockfileVersion": 3 }'],
    ["plugins/OnePlugin.ts", "export const one = 2;"],
    ["plugins/AnotherPlugin.ts", ""],
    ["src/preset.ts", "// changed"],
    ["migrations/committed/000001-first.sql", "create table another ();"],
    ["migrations/committed/000002-second.sql", ""],
  ])("is another when %s is", async (path, text) => {
    const before = await hashCode(root);
    write(path, text);
    expect(await hashCode(root)).not.toBe(before);
  });

  it("is the same when anything else is another", async () => {
    const before = await hashCode(root);
    write("src/serve.ts", "// changed");
    write("plugins/notes.md", "changed");
    write("migrations/current.sql", "create table not_yet ();");
    expect(await hashCode(root)).toBe(before);
  });
});

describe("two origins", () => {
  const origin = { code: "a", migrations: ["000001", "000002"] };

  it("are the same with the same code and migrations, in whatever order", () => {
    expect(originDifference(origin, { code: "a", migrations: ["000002", "000001"] })).toBeNull();
  });

  it("differ by what one has and the other has not", () => {
    expect(originDifference(origin, { ...origin, code: "b" })).toMatch(/another version/);
    expect(originDifference(origin, { ...origin, migrations: ["000001"] })).toMatch(/not run: 000002$/);
    expect(originDifference({ ...origin, migrations: ["000001"] }, origin)).toMatch(/made without: 000002$/);
  });
});
