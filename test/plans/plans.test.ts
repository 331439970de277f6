import { beforeAll, describe, expect, it } from "@jest/globals";

import { type ExplainedPlan, explainPlans, PLAN_PARTS } from "../../src/access/plans/explainPlans.ts";
import { makePlanData } from "../../src/access/plans/makePlanData.ts";
import { comparePlans } from "../../src/access/plans/planBaseline.ts";
import { useTestDatabase } from "../support/database.ts";

const APPOINTMENTS = Number(process.env.BAILIWICK_PLAN_ROWS || 60_000);
const MINUTE = 60_000;

const db = useTestDatabase();
const recorded: ExplainedPlan[] = [];

beforeAll(() => makePlanData(db.urls, APPOINTMENTS), 10 * MINUTE);

it.each(PLAN_PARTS)(
  "finds what the %s ask for by an index of the tenant, and asks no helper for each row",
  async (part) => {
    const explained = await explainPlans(db.urls, { parts: [part] });
    expect(explained.length).toBeGreaterThan(50);
    expect(explained.filter(({ findings }) => findings.length > 0)).toEqual([]);
    recorded.push(...explained);
  },
  5 * MINUTE,
);

// Stale? `npx bailiwick access plans --rows 60000` writes it anew.
it("answers every policy and document as docs/access-plans.md says", async () => {
  expect(await comparePlans(recorded)).toEqual([]);
});

describe("notices", () => {
  const after = async (sabotage: string, title: string) => {
    await db.superuser.query(sabotage);
    const explained = await explainPlans(db.urls, { parts: ["policies"] });
    const drift = await comparePlans([...explained, ...recorded.filter(({ part }) => part !== "policies")]);
    return {
      findings: explained.flatMap((plan) => (plan.title === title ? plan.findings : [])),
      drift: drift.filter((line) => line.includes(`\`${title}\``)),
    };
  };

  it(
    "a tenant table that has lost its indexes",
    async () => {
      const { findings, drift } = await after(
        `drop index app_public.notifications_user_id_idx, app_public.notifications_organization_id_user_id_idx;
         alter table app_public.notifications drop constraint notifications_organization_id_effect_key_key`,
        "app_public.notifications select",
      );
      expect(findings).toContain("reads all of notifications");
      expect(drift).toContainEqual("is `app_public.notifications select`: notifications whole");
    },
    MINUTE,
  );

  it(
    "a policy that asks its helper for each row",
    async () => {
      const { findings } = await after(
        `alter policy tenant_boundary on app_public.goal_templates
           using (organization_id in (select app_hidden.my_organization_ids()) and app_hidden.current_user_id() is not null)`,
        "app_public.goal_templates select",
      );
      expect(findings).toContain("asks app_hidden.current_user_id( for each row of goal_templates");
    },
    MINUTE,
  );
});
