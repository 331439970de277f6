import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import yargs from "yargs";

import { accessCheckCommand } from "../../src/commands/accessCheck.ts";
import { useTestDatabase } from "../support/database.ts";

const ROOT = join(import.meta.dirname, "../..");
const db = useTestDatabase();
let printed: string[];
let exitCode: typeof process.exitCode;

beforeEach(() => {
  printed = [];
  ({ exitCode } = process);
  jest.spyOn(console, "log").mockImplementation((text: unknown) => void printed.push(String(text)));
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = exitCode;
});

/** @returns the command's exit code and what it printed. @throws what the command line would show. */
async function check(...args: string[]): Promise<[number, string]> {
  await yargs(["check", ...args])
    .command(accessCheckCommand)
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseAsync();
  return [Number(process.exitCode), printed.join("\n")];
}
const here = (...args: string[]) => check("--database-url", db.urls.superuser, ...args);

describe("access check of a database that is named", () => {
  it("finds a table that is open, and not one that is not looked at", async () => {
    await db.superuser.query(
      "create table public.open_to_all (id int); grant select on public.open_to_all to app_user",
    );
    try {
      const [found, text] = await here("--schemas", "public", "--json");
      expect(found).toBe(1);
      expect(JSON.parse(text)).toMatchObject({
        findings: expect.arrayContaining([
          expect.objectContaining({ rule: "0001_row_security_enabled", object: "public.open_to_all" }),
        ]),
      });
      printed = [];
      const [, other] = await here("--schemas", "app_vault", "--sarif");
      expect(JSON.parse(other)).toMatchObject({ version: "2.1.0" });
      expect(other).not.toContain("open_to_all");
    } finally {
      await db.superuser.query("drop table public.open_to_all");
    }
  });

  it.each([
    ["a schema", ["--schemas", "pubic"], "There is no schema 'pubic'"],
    ["an exposed schema", ["--exposed-schemas", "app_pubic"], "There is no schema 'app_pubic'"],
    ["a role", ["--roles", "anon_user"], "There is no role 'anon_user'"],
    ["a role that signs in", ["--login-roles", "gateway"], "There is no role 'gateway'"],
    ["a tenant's column", ["--tenant-column", "organization_id,nope"], "No table has a column 'nope'"],
  ])(
    "cannot look at %s that is not there: nothing found there would mean nothing",
    (_title, args, sentence) => expect(here(...args)).rejects.toThrow(sentence),
  );
});

describe("access check of a new database, as docs/deployment.md has it", () => {
  it("finds nothing with the waivers of this repository, and not without", async () => {
    const [code, text] = await here("--waivers", join(ROOT, "access-waivers.json"));
    expect([code, text]).toEqual([0, expect.any(String)]);
    expect((await here())[0]).toBe(1);
    const guide = readFileSync(join(ROOT, "docs/deployment.md"), "utf8");
    expect(guide).toMatch(/npx bailiwick access check --database-url \S+ --waivers access-waivers\.json /);
  });
});

describe("access check", () => {
  it("says of a database that does not answer where to look", () =>
    expect(check("--database-url", "postgres://x:secret@127.0.0.1:1/y")).rejects.toThrow(
      /^Cannot connect to --database-url \(.*connect ECONNREFUSED 127\.0\.0\.1:1\): check that the server runs/,
    ));

  it("cannot take for a database what is no URL of one, and does not repeat it", async () => {
    const refusal = check("--database-url", "mysql://x:secret@host/db");
    await expect(refusal).rejects.toThrow("--database-url must begin with postgres:// or postgresql://");
    await expect(refusal).rejects.not.toThrow("secret");
  });

  it.each(["--database-url", "--schemas", "--roles", "--tenant-column", "--waivers"])(
    "cannot take %s without its value",
    (option) => expect(check(option)).rejects.toThrow("Not enough arguments following"),
  );

  it("cannot print JSON and SARIF at once", () =>
    expect(here("--json", "--sarif")).rejects.toThrow("mutually exclusive"));
});
