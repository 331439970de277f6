import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import type { Actor } from "../support/database.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;

const REVENUE = [
  ["2026-03-02", 120],
  ["2026-03-03", 80],
  ["2026-03-09", 50],
] as const;

/** What a person enters by hand, one value a day. */
const ENTER = `mutation ($clinicId: UUID!, $organizationId: UUID!, $day: Date!, $value: BigFloat!) {
  createFinancialMetric(input: {
    financialMetric: {
      clinicId: $clinicId, organizationId: $organizationId, metricKey: "revenue", day: $day, value: $value
    }
  }) { financialMetric { metricKey definition { name unit } } }
}`;

const CHART = `query ($clinicId: UUID!) {
  metricAggregations(
    filter: {
      clinicId: { equalTo: $clinicId }
      metricKey: { equalTo: "revenue" }
      period: { equalTo: DAY }
      startsOn: { greaterThanOrEqualTo: "2026-03-01", lessThan: "2026-04-01" }
    }
    orderBy: [STARTS_ON_ASC]
  ) {
    nodes { startsOn sum count metricKey area source }
    aggregates { sum { sum count } average { sum } }
    groupedAggregates(groupBy: [STARTS_ON]) { keys sum { sum } }
  }
}`;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const { id: clinicId, organizationId } = world.here.clinic;
  for (const [day, value] of REVENUE) {
    const { errors } = await api.query(world.here.staff, ENTER, {
      variables: { clinicId, organizationId, day, value },
    });
    expect(errors).toBeUndefined();
  }
});

const chart = async (person: Actor | null, headers?: Record<string, string>) =>
  api.query(person, CHART, { variables: { clinicId: world.here.clinic.id }, headers });

describe("the chart of a metric", () => {
  it.each(["clinicAdmin", "provider", "staff", "viewer"] as const)(
    "shows a %s of the clinic each day and the sum of them",
    async (kind) => {
      const { data, errors } = await chart(world.here[kind]);
      expect(errors).toBeUndefined();
      const { nodes, aggregates, groupedAggregates } = data.metricAggregations;
      expect(
        nodes.map(({ startsOn, sum }: { startsOn: string; sum: string }) => [startsOn, Number(sum)]),
      ).toEqual(REVENUE.map(([day, value]) => [day, value]));
      expect(nodes[0]).toMatchObject({ metricKey: "revenue", area: "FINANCIAL", source: "MANUAL" });
      expect(Number(aggregates.sum.sum)).toBe(250);
      expect(groupedAggregates).toHaveLength(3);
    },
  );

  it("shows who runs the organization its total", async () => {
    const { data } = await api.query(
      world.owner,
      `{ metricAggregations(filter: {
           clinicExists: false, period: { equalTo: WEEK }, metricKey: { equalTo: "revenue" }
         }, orderBy: [STARTS_ON_ASC]) { nodes { startsOn sum definition { name } } } }`,
    );
    expect(
      data.metricAggregations.nodes.map(({ startsOn, sum }: { startsOn: string; sum: string }) => [
        startsOn,
        Number(sum),
      ]),
    ).toEqual([
      ["2026-03-02", 200],
      ["2026-03-09", 50],
    ]);
  });

  it.each(["stranger", "portal", "foreigner", "elsewhere"])("shows a %s nothing", async (kind) => {
    const people: Record<string, Actor> = {
      stranger: world.stranger,
      portal: world.portal,
      foreigner: world.abroad.clinicAdmin,
      elsewhere: world.there.clinicAdmin,
    };
    const { data, errors } = await chart(people[kind] ?? null);
    expect(errors).toBeUndefined();
    expect(data.metricAggregations).toMatchObject({ nodes: [], groupedAggregates: [] });
    expect(Number(data.metricAggregations.aggregates.sum.sum ?? 0)).toBe(0);
  });

  it("asks somebody without a token to sign in", async () => {
    expect((await chart(null)).status).toBe(401);
  });

  it("refuses a value for a clinic of another organization", async () => {
    const { id: clinicId, organizationId } = world.here.clinic;
    const { errors } = await api.query(world.abroad.staff, ENTER, {
      variables: { clinicId, organizationId, day: "2026-03-04", value: 1 },
    });
    expect(errors?.[0]?.extensions?.code).toBe("FORBIDDEN");
  });
});

describe("viewer.features", () => {
  const features = async (person: Actor) =>
    (
      await api.query(person, "{ viewer { features } }", {
        headers: { "X-Organization-Id": world.own },
      })
    ).data.viewer.features as string[];

  it("follows the plan of the active organization, and says nothing to a stranger", async () => {
    expect(await features(world.here.viewer)).toEqual([]);
    await db.superuser.query(
      `insert into app_public.subscriptions (organization_id, plan, status) values ($1, 'pro', 'active')
       on conflict (organization_id) do update set plan = excluded.plan, status = excluded.status`,
      [world.own],
    );
    expect(await features(world.here.viewer)).toEqual(["integrations", "scheduled_sync"]);
    expect(await features(world.stranger)).toEqual([]);
    expect(await features(world.abroad.viewer)).toEqual([]);
  });
});
