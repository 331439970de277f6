import { expect, it } from "@jest/globals";

import { completeScope } from "../../src/access/accessScope.ts";
import { runAccessCheck } from "../../src/access/checkAccess.ts";
import { loadRules } from "../../src/access/rules.ts";
import { applyWaivers, readOwnWaivers } from "../../src/access/waivers.ts";
import { withClient } from "../../src/database/withClient.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();

it("finds nothing in our own schema that is not waived, over the gateway's own connection", async () => {
  const rules = await loadRules();
  const findings = await withClient(db.urls.gateway, async (client) => {
    const scope = await completeScope(client, {});
    expect(scope.requestRoles).toEqual(["app_anonymous", "app_user"]);
    expect(scope.exposedSchemas).toEqual(["app_public", "app_vault"]);
    return runAccessCheck(client, { scope, rules });
  });

  const waivers = await readOwnWaivers();
  const names = rules.map(({ name }) => name);
  const today = new Date().toISOString().slice(0, 10);
  const { open } = applyWaivers(findings, waivers, { rules: names, today });

  expect(open.map(({ rule, object, detail, fix }) => ({ rule, object, detail, fix }))).toEqual([]);
});
