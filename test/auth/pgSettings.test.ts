import { describe, expect, it } from "@jest/globals";

import { pgSettings } from "../../src/auth/pgSettings.ts";

const NOWHERE = { organizationId: null, clinicId: null, purposeOfUse: null };
const claims = {
  userId: "01900000-0000-7000-8000-0000000000a1",
  sessionId: "01900000-0000-7000-8000-0000000000f1",
  organizationId: "01900000-0000-7000-8000-00000000000a",
  clinicId: null,
  expiresAt: 0,
};
/** Said even so: nothing that a request before has left on the connection may stand in its place. */
const UNKNOWN = {
  "jwt.claims.sub": "",
  "jwt.claims.sid": "",
  "app.organization_id": "",
  "app.current_user_id": "",
  "app.current_org_id": "",
  "app.clinic_id": "",
  "app.purpose_of_use": "",
  "app.client_address": "",
  "app.client_device": "",
  "app.identity_issuer": "",
  "app.identity_subject": "",
};
const TIMEOUTS = { statement_timeout: "10s", lock_timeout: "5s", idle_in_transaction_session_timeout: "10s" };

describe("pgSettings", () => {
  it("runs a request without a token as app_anonymous, who is nobody", () => {
    expect(pgSettings(null, NOWHERE, "r1")).toEqual({
      ...UNKNOWN,
      role: "app_anonymous",
      "app.request_id": "r1",
      application_name: "bailiwick r1",
      ...TIMEOUTS,
    });
  });

  it("tells the database who asks, in which session and where", () => {
    const scope = {
      organizationId: null,
      clinicId: "01900000-0000-7000-8000-0000000000c1",
      purposeOfUse: "treatment",
    };
    expect(pgSettings(claims, scope, "r1")).toEqual({
      ...UNKNOWN,
      role: "app_user",
      "jwt.claims.sub": claims.userId,
      "jwt.claims.sid": claims.sessionId,
      "app.organization_id": claims.organizationId,
      "app.current_user_id": claims.userId,
      "app.current_org_id": claims.organizationId,
      "app.clinic_id": scope.clinicId,
      "app.purpose_of_use": "treatment",
      "app.request_id": "r1",
      application_name: "bailiwick r1",
      ...TIMEOUTS,
    });
  });

  it("prefers the organization of the request to the token's", () => {
    const organizationId = "01900000-0000-7000-8000-00000000000b";
    const settings = pgSettings(claims, { ...NOWHERE, organizationId }, "r1");
    expect(settings["app.organization_id"]).toBe(organizationId);
    expect(settings["app.current_org_id"]).toBe(organizationId);
  });

  it("forwards nothing of a token that is not on the list", () => {
    const generous = {
      ...claims,
      role: "postgres",
      search_path: "evil",
      "jwt.claims.role": "postgres",
      "app.is_superadmin": "true",
      "app.current_user_id": "postgres",
    };
    const settings = pgSettings(generous, NOWHERE, "r1");
    expect(JSON.stringify(settings)).not.toMatch(/postgres|evil|superadmin/);
  });
});
