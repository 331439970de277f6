import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Client, type ClientBase } from "pg";

import type { AccessScope } from "../../src/access/accessScope.ts";
import { findBreaches } from "../../src/access/checkAccess.ts";
import { loadRulePages, loadRules, PAGES_FOLDER, type Rule } from "../../src/access/rules.ts";
import { useTestDatabase } from "../support/database.ts";

const STORIES_FOLDER = join(import.meta.dirname, "rules");
const NUMBERED = /^(\d{4}_\w+)\.(md|sql)$/;

const SCOPE: AccessScope = {
  schemas: ["story", "story_private"],
  exposedSchemas: ["story"],
  requestRoles: ["story_user", "story_anonymous"],
  loginRoles: ["story_login"],
  tenantColumns: ["tenant_id"],
};

/** One rule broken and mended: what breaks it, the object that is then found, and, where no SQL can be printed, the fix. */
interface Story {
  finds: string;
  breaks: string;
  fix: string | undefined;
  serverVersions: number[];
}

async function readStory({ name }: Rule): Promise<Story> {
  const text = await readFile(join(STORIES_FOLDER, `${name}.sql`), "utf8");
  const [breaks = "", fix] = text.split("\n-- Fix:\n");
  return {
    finds: /^-- Finds: (.+)$/m.exec(text)?.[1]?.replace("{database}", db.name) ?? "",
    breaks,
    fix,
    serverVersions: [...text.matchAll(/^-- Server: (\d+)$/gm)].map(([, version]) => Number(version)),
  };
}

const namesIn = async (folder: string) =>
  (await readdir(folder)).flatMap((file) => NUMBERED.exec(file)?.[1] ?? []).sort();

const db = useTestDatabase();
const rules = await loadRules();
const pages = await loadRulePages(rules);

describe("the rules", () => {
  it("have a page and a story each, and no page or story is without a rule", async () => {
    const expected = rules.map(({ name }) => name);
    expect(await namesIn(PAGES_FOLDER)).toEqual(expected);
    expect(await namesIn(STORIES_FOLDER)).toEqual(expected);
  });

  it("have numbers of their own", () => {
    expect(new Set(rules.map(({ name }) => name.slice(0, 4))).size).toBe(rules.length);
  });

  it.each(rules)(
    "$name: the page says what the SQL says, why, how to fix it and when to waive it",
    (rule) => {
      const { text = "", why } = pages.get(rule.name) ?? {};
      expect(text.split("\n")[0]).toBe(`# ${rule.name.slice(0, 4)} ${rule.title}`);
      expect(text).toContain(`Severity: ${rule.severity} `);
      expect(why).not.toBe("");
      expect(text).toContain("## How to fix\n");
      expect(text).toContain("## When to waive\n");
    },
  );
});

describe("the story of", () => {
  let client: ClientBase & { end(): Promise<void> };

  beforeAll(async () => {
    client = new Client({ connectionString: db.urls.superuser });
    await (client as Client).connect();
    await client.query("begin");
    await client.query(await readFile(join(import.meta.dirname, "storyBase.sql"), "utf8"));
  });

  afterAll(async () => {
    await client.query("rollback");
    await client.end();
  });

  it.each(rules)("$name: $title", async (rule) => {
    const story = await readStory(rule);
    const [brokenVersion, mendedVersion] = story.serverVersions;
    const check = (serverVersion?: number) => findBreaches(client, { ...SCOPE, serverVersion }, [rule]);
    await client.query("savepoint story");
    try {
      expect(await check()).toEqual([]);

      await client.query(story.breaks);
      const findings = await check(brokenVersion);
      expect(findings.map(({ object }) => object)).toEqual([story.finds]);

      await client.query(story.fix ?? findings[0]?.fix ?? "");
      expect(await check(mendedVersion)).toEqual([]);
    } finally {
      await client.query("rollback to savepoint story");
    }
  });
});
