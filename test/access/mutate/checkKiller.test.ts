import { describe, expect, it } from "@jest/globals";
import type { Client } from "pg";

import { makeCheckKiller } from "../../../src/access/mutate/checkKiller.ts";
import type { Mutant } from "../../../src/access/mutate/generateMutants.ts";
import type { Rule } from "../../../src/access/rules.ts";

const MUTANT: Mutant = {
  operator: "planted",
  object: "it",
  touches: "it",
  sql: "select",
  isClusterWide: false,
};
const SCOPE = {
  schemas: ["small"],
  exposedSchemas: ["small"],
  requestRoles: ["app_user"],
  loginRoles: [],
  tenantColumns: ["tenant_id"],
};

const rule = (name: string): Rule => ({ name, title: name, severity: "error", sql: "select" });

/** A database in which one rule finds something, and that answers the first question about rules only after `ready`. */
function databaseWhere(found: string, ready: Promise<void> = Promise.resolve()): Client {
  const query = async (text: string) => {
    if (!text.includes("union all") && !/select '\w+' as rule/.test(text)) {
      return { rows: [] };
    }
    await ready;
    return {
      rows: text.includes(`'${found}'`) ? [{ rule: found, object: "it", detail: "broken", fix: "" }] : [],
    };
  };
  return { query } as unknown as Client;
}

describe("the check as a killer", () => {
  it("asks every rule about every mutant, also one that another mutant made known meanwhile", async () => {
    const killer = makeCheckKiller({
      scope: SCOPE,
      rules: [rule("0001_first"), rule("0002_second")],
      waivers: [],
      today: "2026-11-30",
    });
    await killer.findEvidence(MUTANT, databaseWhere("0001_first"), "near");

    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = killer.findEvidence(MUTANT, databaseWhere("0002_second", promise), "near");
    await killer.findEvidence(MUTANT, databaseWhere("0002_second"), "near");
    resolve();
    expect(await slow).toBe("0002_second it: broken");
  });

  it("finds nothing where no rule does", async () => {
    const killer = makeCheckKiller({
      scope: SCOPE,
      rules: [rule("0001_first")],
      waivers: [],
      today: "2026-11-30",
    });
    expect(await killer.findEvidence(MUTANT, databaseWhere("0009_other"), "near")).toBeNull();
  });
});
