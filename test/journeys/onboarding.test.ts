import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { ACCEPT, CREATE_CLINIC, found, INVITE, openClinic } from "./clinicSteps.ts";
import { codeIn, CONFIRM, LOG_IN, PASSWORD, REGISTER, useJourney, type Visitor } from "./useJourney.ts";

jest.setTimeout(120_000);

const journey = useJourney();
const CLINICS = "{ clinics { nodes { name } } organizations { nodes { name } } }";

describe("a new user", () => {
  const email = "nora@example.com";
  let code = "";
  let nora: Visitor;
  let organizationId = "";
  let clinicId = "";

  it("registers, and cannot sign in before the mail is answered", async () => {
    await journey.get(null, REGISTER, { email, password: PASSWORD, name: "Nora" });
    code = codeIn(await journey.work(), email, "confirm-registration");
    const tooEarly = await journey.ask(null, LOG_IN, { email, password: PASSWORD });
    expect(tooEarly).toMatchObject({ data: { logIn: null }, code: "INVALID_CREDENTIALS" });
  });

  it("confirms with the code from the mail and the password, once; denied with anything else", async () => {
    const confirm = (given: string, password: string) =>
      journey.ask(null, CONFIRM, { code: given, password });
    expect((await confirm("0".repeat(64), PASSWORD)).code).toBe("NOT_FOUND");
    expect((await confirm(code, "somebody else's password")).code).toBe("NOT_FOUND");
    expect((await confirm(code, PASSWORD)).code).toBeUndefined();
    expect((await confirm(code, PASSWORD)).code).toBe("NOT_FOUND");
  });

  it("signs in, and is somebody with a profile and nothing else", async () => {
    nora = await journey.logIn(email);
    const viewer = "{ viewer { email emailVerifiedAt profile { displayName locale } } }";
    expect((await journey.get(nora, viewer)).viewer).toEqual({
      email,
      emailVerifiedAt: expect.any(String),
      profile: { displayName: "Nora", locale: expect.any(String) },
    });
    expect(await journey.get(nora, CLINICS)).toEqual({
      clinics: { nodes: [] },
      organizations: { nodes: [] },
    });
    expect((await journey.ask(null, CLINICS)).status).toBe(401);
  });

  it("founds an organization and opens a clinic in it; nobody else sees either, or may open another", async () => {
    organizationId = await found(journey, nora, "Nora and Partners");
    clinicId = await openClinic(journey, nora, organizationId, "Old Town");
    expect(await journey.get(nora, CLINICS)).toEqual({
      clinics: { nodes: [{ name: "Old Town" }] },
      organizations: { nodes: [{ name: "Nora and Partners" }] },
    });
    const stranger = await journey.signUp("Stran");
    expect((await journey.get(stranger, CLINICS)).organizations.nodes).toEqual([]);
    const clinic = { organizationId, name: "Stolen" };
    expect((await journey.ask(stranger, CREATE_CLINIC, { clinic })).code).toBe("FORBIDDEN");
  });

  it("invites a colleague by mail, who joins with the code; anybody else with it is denied", async () => {
    const omar = await journey.signUp("Omar");
    const thief = await journey.signUp("Thief");
    const post = { organizationId, clinicId, clinicRole: "PROVIDER" };
    expect((await journey.ask(omar, INVITE, { email: thief.email, ...post })).code).toBe("FORBIDDEN");
    await journey.get(nora, INVITE, { email: omar.email, ...post });
    const invitation = codeIn(await journey.work(), omar.email, "invitation");
    expect((await journey.get(omar, CLINICS)).clinics.nodes).toEqual([]);
    expect((await journey.ask(thief, ACCEPT, { code: invitation })).code).toBe("NOT_FOUND");
    expect((await journey.ask(null, ACCEPT, { code: invitation })).status).toBe(401);
    expect((await journey.get(omar, ACCEPT, { code: invitation })).acceptInvitation.result).toEqual({
      role: "MEMBER",
    });
    expect((await journey.ask(omar, ACCEPT, { code: invitation })).code).toBe("NOT_FOUND");
    expect((await journey.get(omar, CLINICS)).clinics.nodes).toEqual([{ name: "Old Town" }]);
    // What a member may not: invite, and open clinics.
    expect((await journey.ask(omar, INVITE, { email: thief.email, ...post })).code).toBe("FORBIDDEN");
    const clinic = { organizationId, name: "Another" };
    expect((await journey.ask(omar, CREATE_CLINIC, { clinic })).code).toBe("FORBIDDEN");
  });
});

describe("a profile", () => {
  const PROFILE = "{ profile: viewer { profile { id displayName locale consentMarketing } } }";
  const PATCH = `mutation ($id: ID!, $patch: ProfilePatch!) {
    updateProfile(input: { id: $id, patch: $patch }) { profile { displayName locale consentMarketing } }
  }`;
  let pia: Visitor;
  let id = "";

  beforeAll(async () => {
    pia = await journey.signUp("Pia");
  });

  it("is there from the start, with defaults", async () => {
    const { profile } = await journey.get(pia, PROFILE);
    expect(profile.profile).toMatchObject({ displayName: "Pia", consentMarketing: false });
    id = profile.profile.id;
  });

  it("is changed by its owner, who is told what does not fit; nobody else sees or changes it", async () => {
    const patch = { displayName: "Pia P.", locale: "FR_CA", consentMarketing: true };
    expect((await journey.get(pia, PATCH, { id, patch })).updateProfile.profile).toEqual(patch);
    expect((await journey.ask(pia, PATCH, { id, patch: { locale: "KLINGON" } })).code).toBe("BAD_USER_INPUT");
    const other = await journey.signUp("Other");
    const read = "query ($id: ID!) { profile(id: $id) { displayName } }";
    expect((await journey.get(other, read, { id })).profile).toBeNull();
    expect((await journey.ask(other, PATCH, { id, patch: { displayName: "Hacked" } })).code).toBe(
      "NOT_FOUND",
    );
    expect((await journey.ask(null, PATCH, { id, patch })).status).toBe(401);
  });

  it("is the same after a restart, and so is being signed in", async () => {
    await journey.restart();
    expect((await journey.get(pia, PROFILE)).profile.profile).toMatchObject({
      displayName: "Pia P.",
      locale: "FR_CA",
      consentMarketing: true,
    });
  });
});
