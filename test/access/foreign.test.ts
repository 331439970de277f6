import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "@jest/globals";
import { Client } from "pg";

import { PROJECT_ROOT } from "../../src/config.ts";
import { withDatabase } from "../../src/database/databaseUrls.ts";
import { testCluster } from "../support/cluster.ts";

const NAME = `foreign_${process.pid}`;
const ROLES = "anon, authenticated, service_role, authenticator, foreign_owner";
const { urls } = testCluster();
const url = withDatabase(urls.root, NAME);

async function run(connectionString: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    for (const statement of statements) {
      await client.query(statement);
    }
  } finally {
    await client.end();
  }
}

const readSchema = (name: string) => readFile(join(import.meta.dirname, "foreign", name), "utf8");

async function makeDatabase(schema: string): Promise<void> {
  await run(urls.root, `create database ${NAME} template template0`);
  await run(url, schema);
}

/** As anybody would: by the command, with nothing but where the database is. */
function accessCheck(...options: string[]): Promise<{ code: number; out: string; err: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: number; out: string; err: string }>();
  const args = ["access", "check", "--database-url", url, ...options];
  const child = execFile(join(PROJECT_ROOT, "bin/bailiwick"), args, (_error, out, err) =>
    resolve({ code: child.exitCode ?? -1, out, err }),
  );
  return promise;
}

interface Report {
  findings: { rule: string; object: string; fix: string }[];
  scope: object;
}

afterEach(() =>
  run(urls.root, `drop database if exists ${NAME} with (force)`, `drop role if exists ${ROLES}`),
);

describe("access check on a database of another style", () => {
  it("finds every flaw that was planted, and raises no false alarm", async () => {
    const schema = await readSchema("broken.sql");
    await makeDatabase(schema);

    const { code, out } = await accessCheck("--json");

    const { findings, scope }: Report = JSON.parse(out);
    const planted = [...schema.matchAll(/^ *-- Flaw: (\d{4} .+)$/gm)].map(([, flaw = ""]) =>
      flaw.replace("{database}", NAME),
    );
    expect(findings.map(({ rule, object }) => `${rule.slice(0, 4)} ${object}`).sort()).toEqual(
      planted.sort(),
    );
    expect(findings.filter(({ fix }) => fix === "")).toEqual([]);
    expect(code).toBe(1);
    expect(scope).toEqual({
      schemas: ["public"],
      exposedSchemas: ["public"],
      requestRoles: ["anon", "authenticated"],
      loginRoles: ["authenticator"],
      tenantColumns: ["tenant_id"],
    });
  });

  it("finds nothing on the repaired twin", async () => {
    await makeDatabase(await readSchema("repaired.sql"));

    const { code, out, err } = await accessCheck();

    expect(err).toBe("");
    expect(out).toMatch(/^No findings; 0 waived\. \d+ rules/);
    expect(code).toBe(0);
  });

  it("could not run: says which role does not exist, and which there are", async () => {
    await makeDatabase("create table public.notes (id uuid)");

    const { code, err } = await accessCheck("--roles", "webmaster");

    expect(err).toMatch(/There is no role 'webmaster'; there are: .*app_user/);
    expect(code).toBe(2);
  });

  it("prints SARIF with a rule and a result for each finding", async () => {
    await makeDatabase(await readSchema("broken.sql"));

    const { out } = await accessCheck("--sarif");

    const { version, runs } = JSON.parse(out);
    expect(version).toBe("2.1.0");
    const ids = new Set(runs[0].tool.driver.rules.map(({ id }: { id: string }) => id));
    expect(runs[0].results.length).toBeGreaterThan(50);
    expect(runs[0].results.every(({ ruleId }: { ruleId: string }) => ids.has(ruleId))).toBe(true);
  });
});
