import { randomUUID } from "node:crypto";

import { describe, expect, it } from "@jest/globals";

import { createClinic, createOrganization, createPerson, joinClinic } from "../../src/access/world/people.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { useIssuer } from "../support/issuer.ts";

const clerk = useIssuer("clerk");
const supabase = useIssuer("supabase");
const partner = useIssuer("oidc", "https://partner.example");
const guests = useIssuer("oidc", "https://guests.example");
const db = useTestDatabase();
const api = useGateway(db, {
  configure: (config) => ({
    ...config,
    auth: {
      ...db.config.auth,
      outside: [
        clerk.config({ audience: null, authorizedParties: ["https://app.example"] }),
        supabase.config({ audience: ["authenticated"], emailsAreVerified: true }),
        partner.config({ linksVerifiedEmails: true }),
        guests.config({ createsUsers: false }),
      ],
    },
  }),
});

const VIEWER = "{ viewer { rowId email emailVerifiedAt clerkId profile { displayName } } }";
const as = (token: string, query = VIEWER, headers: Record<string, string> = {}) =>
  api.query(null, query, { headers: { authorization: `Bearer ${token}`, ...headers } });
const viewerOf = async (token: string) => (await as(token)).data.viewer;

const byClerk = (claims: Record<string, unknown>, secondsAgo = 0) =>
  clerk.sign({ aud: undefined, azp: "https://app.example", ...claims }, { secondsAgo });
const count = async (sql: string, values: unknown[]) =>
  (await db.superuser.query(`select count(*)::int as n from ${sql}`, values)).rows[0].n;

describe("the first sight of a verified subject", () => {
  it("makes one user and profile, however many requests come at once", async () => {
    const token = byClerk({
      sub: "user_first",
      email: "First@Example.com",
      email_verified: true,
      name: "Fay",
    });
    const viewers = await Promise.all(Array.from({ length: 10 }, () => viewerOf(token)));
    expect(new Set(viewers.map(({ rowId }) => rowId)).size).toBe(1);
    expect(viewers[0]).toEqual({
      rowId: expect.any(String),
      email: "first@example.com",
      emailVerifiedAt: expect.any(String),
      clerkId: "user_first",
      profile: { displayName: "Fay" },
    });
    expect(await count("app_public.users where clerk_id = $1", ["user_first"])).toBe(1);
  });

  it("takes the same subject of another issuer for somebody else, and its uuid for nobody of ours", async () => {
    const person = await createPerson(db.superuser);
    const sub = person.userId;
    const [one, other] = await Promise.all([
      viewerOf(supabase.sign({ sub, aud: "authenticated", role: "authenticated" })),
      viewerOf(partner.sign({ sub })),
    ]);
    expect(new Set([one.rowId, other.rowId, sub]).size).toBe(3);
  });

  it("is refused where the issuer may make nobody, until the operator has let them in", async () => {
    const token = guests.sign({ sub: "guest" });
    const refused = await as(token);
    expect(refused.status).toBe(403);
    expect(refused.errors?.[0]?.extensions?.code).toBe("FORBIDDEN");
    const { userId } = await createPerson(db.superuser);
    await db.superuser.query(
      "insert into app_private.user_identities (issuer, subject, user_id) values ($1, 'guest', $2)",
      [guests.issuer, userId],
    );
    expect((await viewerOf(token)).rowId).toBe(userId);
  });

  it("finds the person who was imported with their id at Clerk", async () => {
    const { userId } = await createPerson(db.superuser);
    await db.superuser.query("update app_public.users set clerk_id = 'user_imported' where id = $1", [
      userId,
    ]);
    expect((await viewerOf(byClerk({ sub: "user_imported" }))).rowId).toBe(userId);
  });

  it("makes people of whom the issuer tells nothing but the subject", async () => {
    expect(await viewerOf(byClerk({ sub: "user_bare", org_id: "org_2abcDEF" }))).toMatchObject({
      email: null,
      emailVerifiedAt: null,
      profile: { displayName: "" },
    });
  });

  it("counts nothing of what the person writes themselves but the name", async () => {
    const metadata = { full_name: "Sue", email_verified: true, role: "superadmin", is_superadmin: true };
    const { rowId, profile } = await viewerOf(
      supabase.sign({ sub: randomUUID(), aud: "authenticated", user_metadata: metadata }),
    );
    expect(profile.displayName).toBe("Sue");
    expect(await count("app_public.users where id = $1 and is_superadmin", [rowId])).toBe(0);
  });
});

describe("an address that is somebody's already", () => {
  const taken = async (isVerified: boolean) => {
    const person = await createPerson(db.superuser);
    await db.superuser.query(
      "update app_public.users set email_verified_at = case when $2 then now() end where id = $1",
      [person.userId, isVerified],
    );
    return person;
  };

  it("links the person where the issuer may and both sides have proven it", async () => {
    const { userId, email } = await taken(true);
    const token = partner.sign({ sub: randomUUID(), email, email_verified: true });
    expect((await viewerOf(token)).rowId).toBe(userId);
  });

  it.each([
    ["here it was not proven", partner, false, true],
    ["there it was not proven", partner, true, false],
    ["the issuer may not link", clerk, true, true],
  ] as const)("stays theirs where %s", async (_title, issuer, isVerifiedHere, isVerifiedThere) => {
    const { userId, email } = await taken(isVerifiedHere);
    const token = issuer.sign({
      sub: randomUUID(),
      azp: "https://app.example",
      email,
      email_verified: isVerifiedThere,
    });
    const viewer = await viewerOf(token);
    expect(viewer.rowId).not.toBe(userId);
    expect(viewer.email).toBeNull();
  });

  it.each([false, undefined])(
    "is not taken by a subject whose issuer says of its proof: %s",
    async (isVerified) => {
      const email = `wanted-${isVerified}@example.com`;
      const sub = `user_wants_${isVerified}`;
      expect(await viewerOf(byClerk({ sub, email, email_verified: isVerified }, 20))).toMatchObject({
        email: null,
        emailVerifiedAt: null,
      });
      const proven = await viewerOf(byClerk({ sub: `${sub}_too`, email, email_verified: true }, 15));
      expect(proven).toMatchObject({ email, emailVerifiedAt: expect.any(String) });
      expect(await viewerOf(byClerk({ sub, email, email_verified: true }))).toMatchObject({ email: null });
    },
  );

  it("makes nobody a superadmin", async () => {
    const { userId, email } = await createPerson(db.superuser, { isSuperadmin: true });
    await db.superuser.query("update app_public.users set email_verified_at = now() where id = $1", [userId]);
    const token = partner.sign({ sub: randomUUID(), email, email_verified: true });
    expect((await viewerOf(token)).rowId).not.toBe(userId);
  });
});

describe("a later token", () => {
  it("brings a changed address, its verification and a changed name", async () => {
    const sub = "user_changing";
    await viewerOf(byClerk({ sub, email: "old@example.com", email_verified: false, name: "Old" }, 30));
    const later = byClerk({ sub, email: "new@example.com", email_verified: true, name: "New" }, 20);
    expect(await viewerOf(later)).toMatchObject({
      email: "new@example.com",
      emailVerifiedAt: expect.any(String),
      profile: { displayName: "New" },
    });
  });

  it("changes nothing when it is older than what is known", async () => {
    const sub = "user_older";
    await viewerOf(byClerk({ sub, email: "now@example.com", email_verified: true }, 10));
    const older = byClerk({ sub, email: "before@example.com", email_verified: true }, 60);
    expect((await viewerOf(older)).email).toBe("now@example.com");
  });

  it("replaces no proven address by one that is not, and no name that the person chose here", async () => {
    const sub = "user_careful";
    const first = byClerk({ sub, email: "proven@example.com", email_verified: true, name: "Cara" }, 30);
    const { rowId } = await viewerOf(first);
    await db.superuser.query("update app_public.profiles set display_name = 'Dr Cara' where user_id = $1", [
      rowId,
    ]);
    const later = byClerk({ sub, email: "other@example.com", email_verified: false, name: "C." }, 20);
    expect(await viewerOf(later)).toMatchObject({
      email: "proven@example.com",
      profile: { displayName: "Dr Cara" },
    });
  });
});

describe("what a subject may do", () => {
  it("is what their memberships say, in the tenant that the request names", async () => {
    const token = byClerk({ sub: "user_member" });
    const { rowId: userId } = await viewerOf(token);
    const clinic = await createClinic(db.superuser, await createOrganization(db.superuser));
    const CLINICS = "{ clinics { nodes { rowId } } }";
    expect((await as(token, CLINICS)).data.clinics.nodes).toEqual([]);
    await joinClinic(db.superuser, { userId, sessionId: "" }, clinic, "staff");
    expect((await as(token, CLINICS)).data.clinics.nodes).toEqual([{ rowId: clinic.id }]);
    const elsewhere = { "X-Organization-Id": await createOrganization(db.superuser) };
    expect((await as(token, CLINICS, elsewhere)).data.clinics.nodes).toEqual([]);
  });

  it.each([
    ["the account is closed", "update app_public.users set deleted_at = now() where id = $1"],
    ["the identity has ended", "update app_private.user_identities set ended_at = now() where user_id = $1"],
    ["the identity is gone", "delete from app_private.user_identities where user_id = $1"],
  ])("is nothing by the next request when %s, whatever is remembered", async (title, sql) => {
    // One who may make no users: a token would make another user of an identity that is gone.
    const token = guests.sign({ sub: title });
    const { userId } = await createPerson(db.superuser);
    await db.superuser.query(
      "insert into app_private.user_identities (issuer, subject, user_id) values ($1, $2, $3)",
      [guests.issuer, title, userId],
    );
    expect((await as(token)).status).toBe(200);
    await db.superuser.query(sql, [userId]);
    expect([401, 403]).toContain((await as(token)).status);
  });

  it("asks the database for a subject once, and not again with each token", async () => {
    const sub = "user_quick";
    const factsAt = async () =>
      (await db.superuser.query("select facts_at from app_private.user_identities where subject = $1", [sub]))
        .rows[0]?.facts_at as Date;
    await as(byClerk({ sub }, 60));
    const first = await factsAt();
    expect(first).toBeInstanceOf(Date);
    // Had it been asked again, it would have noted the time of the newer token.
    await as(byClerk({ sub }));
    expect(await factsAt()).toEqual(first);
    await as(byClerk({ sub, name: "Quin" }));
    expect((await factsAt()).getTime()).toBeGreaterThan(first.getTime());
  });
});
