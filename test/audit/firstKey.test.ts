import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { pino } from "pino";

import { startSealer } from "../../src/audit/startSealer.ts";
import type { Config } from "../../src/config.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "bailiwick-keys-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What a sealer warns of that has found no key, and then one that finds it. */
async function warnings(environment: Config["environment"]): Promise<string[]> {
  const said: string[] = [];
  const write = (line: string) => void said.push((JSON.parse(line) as { msg: string }).msg);
  const audit = {
    ...db.config.audit,
    keyFolder: join(folder, "keys"),
    anchorFolder: join(folder, "anchors"),
  };
  for (const _time of [1, 2]) {
    const sealer = startSealer(
      { audit, environment },
      { url: db.urls.sealer, logger: pino({ level: "warn" }, { write }) },
    );
    await sealer.close();
  }
  return said;
}

describe("the first key that seals the audit", () => {
  it("is a warning in production, once", async () => {
    expect(await warnings("production")).toEqual([expect.stringMatching(/^Made the first key/)]);
  });

  it("is no warning in development, where each database has its own", async () => {
    expect(await warnings("development")).toEqual([]);
  });
});
