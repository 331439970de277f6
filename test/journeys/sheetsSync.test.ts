import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { outboundConfig } from "../outbound/deliveries.ts";
import { useSheetsServer } from "../support/sheetsServer.ts";
import { employ, found, openClinic } from "./clinicSteps.ts";
import { useJourney, type Visitor } from "./useJourney.ts";

jest.setTimeout(120_000);

const google = useSheetsServer();
const journey = useJourney((config) => ({
  ...config,
  outbound: outboundConfig(config, google.url).outbound,
}));
const SPREADSHEET = "journey-spreadsheet_1";
const CREATE = `mutation ($integration: IntegrationInput!) {
  createIntegration(input: { integration: $integration }) { integration { rowId connectedAt } }
}`;
const CONNECT = `mutation ($integrationId: UUID!, $secret: String!) {
  connectIntegration(input: { integrationId: $integrationId, secret: $secret }) { integration { connectedAt } }
}`;
const SYNC = `mutation ($integrationId: UUID!) {
  syncIntegration(input: { integrationId: $integrationId }) { result { rowId } }
}`;
const RUNS = "{ integrationSyncRuns { nodes { kind status rowsWritten failure } } }";
const COUNT_CALLS = `mutation ($callMetric: CallMetricInput!) {
  createCallMetric(input: { callMetric: $callMetric }) { callMetric { rowId } }
}`;

describe("a clinic's figures in a Google sheet", () => {
  let admin: Visitor;
  let provider: Visitor;
  let foreign: Visitor;
  let organizationId = "";
  let clinicId = "";
  let integrationId = "";
  const tab = { title: "Figures", rows: [] as (string | number)[][], length: 3 };

  beforeAll(async () => {
    google.spreadsheets.set(SPREADSHEET, [tab]);
    const owner = await journey.signUp("Owner");
    admin = await journey.signUp("Admin");
    provider = await journey.signUp("Provider");
    foreign = await journey.signUp("Foreign");
    organizationId = await found(journey, owner, "Valley");
    clinicId = await openClinic(journey, owner, organizationId, "Mill");
    await employ(journey, owner, admin, { organizationId, clinicId, clinicRole: "CLINIC_ADMIN" });
    await employ(journey, owner, provider, { organizationId, clinicId, clinicRole: "PROVIDER" });
    const other = await found(journey, foreign, "Gorge");
    await openClinic(journey, foreign, other, "Bridge");
    // What Stripe's webhook does when somebody has paid (test/webhooks/stripe.test.ts).
    await journey.db.superuser.query("update app_public.subscriptions set plan = 'pro'");
  });

  it("are set up by an administrator: which spreadsheet, which sheet; others cannot", async () => {
    const settings = { spreadsheetId: SPREADSHEET, sheet: tab.title };
    const integration = { organizationId, clinicId, provider: "GOOGLE_SHEETS", name: "Figures", settings };
    for (const person of [provider, foreign]) {
      expect((await journey.ask(person, CREATE, { integration })).code).toBe("FORBIDDEN");
    }
    const { createIntegration } = await journey.get(admin, CREATE, { integration });
    expect(createIntegration.integration.connectedAt).toBeNull();
    integrationId = createIntegration.integration.rowId;
  });

  it("are connected with the key of a service account, which nobody reads back", async () => {
    for (const person of [provider, foreign]) {
      const denied = await journey.ask(person, CONNECT, { integrationId, secret: google.keyFile });
      expect(["FORBIDDEN", "NOT_FOUND"]).toContain(denied.code);
    }
    const { connectIntegration } = await journey.get(admin, CONNECT, {
      integrationId,
      secret: google.keyFile,
    });
    expect(connectIntegration.integration.connectedAt).toEqual(expect.any(String));
  });

  it("arrive there when somebody asks for it, and the run is seen in the clinic only", async () => {
    const callMetric = {
      organizationId,
      clinicId,
      metricKey: "calls_received",
      day: "2026-01-05",
      value: "12",
    };
    await journey.get(admin, COUNT_CALLS, { callMetric });
    expect((await journey.ask(foreign, SYNC, { integrationId })).code).toBe("NOT_FOUND");
    expect((await journey.ask(null, SYNC, { integrationId })).status).toBe(401);
    await journey.get(admin, SYNC, { integrationId });
    await journey.work();
    expect(tab.rows[1]?.slice(2)).toEqual(["2026-01-05", "call", "calls_received", "manual", 12, 1]);
    expect((await journey.get(admin, RUNS)).integrationSyncRuns.nodes).toContainEqual({
      kind: "SYNC",
      status: "SUCCEEDED",
      rowsWritten: 1,
      failure: null,
    });
    expect((await journey.get(foreign, RUNS)).integrationSyncRuns.nodes).toEqual([]);
  });
});
