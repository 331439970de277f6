import { describe, expect, it } from "@jest/globals";

import { makeAuthenticate } from "../../src/auth/authenticate.ts";

const userId = "01900000-0000-7000-8000-0000000000a1";
const organizationId = "01900000-0000-7000-8000-00000000000a";
const claims = {
  userId,
  sessionId: userId,
  organizationId: null,
  clinicId: null,
  expiresAt: 0,
};
const recognize = Object.assign(async () => claims, { forget: () => undefined });
const authenticate = makeAuthenticate(async () => claims, recognize);

const identify = (headers: Record<string, unknown>) =>
  authenticate((name) => headers[name], { requestId: "r1", client: null });

describe("authenticate", () => {
  it("takes a request without Authorization as nobody's", async () => {
    await expect(identify({})).resolves.toMatchObject({ claims: null, settings: { role: "app_anonymous" } });
  });

  it.each(["Bearer abc", "bearer abc"])("takes %p as the bearer's", async (authorization) => {
    await expect(identify({ authorization })).resolves.toMatchObject({
      settings: { role: "app_user", "jwt.claims.sub": userId },
    });
  });

  it.each(["", "Bearer", "Bearer ", "Bearer  abc", "Bearer a b", "Bearer a, Bearer b", "Basic abc", "abc"])(
    "denies Authorization %p",
    async (authorization) => {
      await expect(identify({ authorization })).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    },
  );

  it("refuses two Authorization headers", async () => {
    await expect(identify({ authorization: ["Bearer a", "Bearer b"] })).rejects.toMatchObject({
      code: "BAD_REQUEST",
    });
  });

  it("passes on the active organization", async () => {
    const { settings } = await identify({ "x-organization-id": organizationId.toUpperCase() });
    expect(settings["app.organization_id"]).toBe(organizationId);
  });

  it.each([
    ["x-organization-id", "acme"],
    ["x-organization-id", ""],
    ["x-organization-id", `{${organizationId}}`],
    ["x-organization-id", [organizationId, organizationId]],
    ["x-clinic-id", "' or true --"],
    ["x-clinic-id", `${organizationId}, ${organizationId}`],
    ["x-purpose-of-use", "Treatment!"],
    ["x-purpose-of-use", "x".repeat(41)],
  ])("refuses %s: %p", async (name, value) => {
    await expect(identify({ [name]: value })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  });
});
