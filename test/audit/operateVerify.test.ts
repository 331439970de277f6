import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createOrganization } from "../../src/access/world/people.ts";
import { useTestDatabase } from "../support/database.ts";
import { runBailiwick } from "../support/runBailiwick.ts";
import { useEvidence } from "./evidence.ts";

jest.setTimeout(120_000);

const db = useTestDatabase();
const evidence = useEvidence(db);
const { dataDir, anchorFile } = evidence;
const copy = join(dataDir, "copy.jsonl");

beforeAll(async () => {
  for (const name of ["Acme", "Beta"]) {
    await createOrganization(db.superuser, name);
    await evidence.sealEverything();
  }
});

const audit = (...args: string[]) =>
  runBailiwick({ database: { ...db.config.database, dataDir } }, "audit", ...args);

async function withoutAnchors<T>(work: () => Promise<T>): Promise<T> {
  renameSync(anchorFile, copy);
  try {
    return await work();
  } finally {
    renameSync(copy, anchorFile);
  }
}

describe("audit verify", () => {
  it("says with how many anchors it compared, up to which checkpoint", async () => {
    const { code, output } = await audit("verify");
    expect(output).toMatch(/They were compared with (\d+) anchors, up to checkpoint \1 of \1\./);
    expect(code).toBe(0);
  });

  it("finds that the configured anchors are gone, and passes with a copy of them", async () => {
    await withoutAnchors(async () => {
      const { code, output } = await audit("verify");
      expect(code).toBe(1);
      expect(output).toMatch(/^There is no anchor: /);
      expect(output).toContain(`Anchors were looked for in ${anchorFile};`);
      expect(await audit("verify", "--anchor", copy, "--exports", dataDir)).toMatchObject({ code: 0 });
    });
  });

  it("is told by audit seal that it has written lost anchors anew", async () => {
    const kept = await withoutAnchors(async () => {
      const { code, output } = await audit("seal");
      expect([code, output]).toEqual([0, expect.stringContaining("written anew from the database")]);
      return existsSync(anchorFile);
    });
    expect(kept).toBe(true);
  });
});

describe("audit tail", () => {
  it("prints the ids by which events are proven, as text and as JSON", async () => {
    const { output: json } = await audit("tail", "--lines", "2", "--json");
    const lines = json
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string; command: string });
    expect(lines).toHaveLength(2);
    const { output: text } = await audit("tail", "-n", "1");
    const id = lines[1]?.id ?? "";
    expect(text).toMatch(new RegExp(`^\\S+Z  ${id}  system  ${lines[1]?.command} `));
    const { code, output } = await audit("prove", id);
    expect(code).toBe(0);
    expect(JSON.parse(output).event).toContain(id);
  });
});

describe("audit export", () => {
  const month = new Date().toISOString().slice(0, 7);

  it("writes a month, and refuses one without events", async () => {
    const folder = join(dataDir, "exports");
    mkdirSync(folder);
    expect(await audit("export", month, "--folder", folder)).toMatchObject({ code: 0 });
    const { code, output } = await audit("export", "1999-01", "--folder", folder);
    expect([code, output]).toEqual([2, expect.stringContaining("There are no events of 1999-01")]);
    expect(existsSync(join(folder, `${db.name}-events-${month}.ndjson.gz`))).toBe(true);
    expect(existsSync(join(folder, `${db.name}-events-1999-01.ndjson.gz`))).toBe(false);
  });
});
