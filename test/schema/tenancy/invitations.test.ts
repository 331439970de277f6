import { beforeAll, describe, expect, it } from "@jest/globals";

import { createAdministrator, createPerson, joinOrganization } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

interface Invitation {
  email: string;
  organizationRole?: string;
  clinicId?: string | null;
  clinicRole?: string | null;
}

/** @returns the code. */
async function invite(
  request: Request,
  { email, organizationRole = "member", clinicId = null, clinicRole = null }: Invitation,
): Promise<string> {
  const code = await request.value<string>(
    "select code from app_public.invite_member($1, $2::app_public.organization_role, $3, $4::app_public.clinic_role)",
    [email, organizationRole, clinicId, clinicRole],
  );
  return code ?? "";
}

const accept = (request: Request, code: string) =>
  request.attempt("select * from app_public.accept_invitation($1)", [code]);

const latestInvitation = (request: Request) =>
  request.value("select id from app_public.invitations order by id desc limit 1");

describe("invite_member and accept_invitation", () => {
  it("can bring somebody into an organization and a clinic, at the next statement", async () => {
    const guest = await createPerson(db.superuser);
    const { clinic, patient } = world.here;
    await db.asUser(world.owner, async (request) => {
      const code = await invite(request, { email: guest.email, clinicId: clinic.id, clinicRole: "provider" });
      await request.become(guest);
      expect(await request.attempt("select id from app_public.patients")).toBe(0);
      await accept(request, code);
      expect(await request.attempt("select id from app_public.patients where id = $1", [patient.id])).toBe(1);
    });
  });

  it("denies a second use, another person, an expired and a revoked code with one answer", async () => {
    const guest = await createPerson(db.superuser);
    const thief = await createPerson(db.superuser);
    await db.asUser(world.owner, async (request) => {
      const used = await invite(request, { email: guest.email });
      const revoked = await invite(request, {
        email: guest.email,
        clinicId: world.here.clinic.id,
        clinicRole: "staff",
      });
      await request.attempt("update app_public.invitations set revoked_at = now() where id = $1", [
        await latestInvitation(request),
      ]);
      await request.become(thief);
      await expect(accept(request, used)).rejects.toMatchObject({ code: "NTFND" });
      await request.become(guest);
      await accept(request, used);
      for (const code of [used, revoked, "unknown"]) {
        await expect(accept(request, code)).rejects.toMatchObject({
          code: "NTFND",
          message: "This invitation does not exist or can no longer be accepted.",
        });
      }
    });
  });

  it("denies whoever has not proven that the address is theirs, until they have", async () => {
    const guest = await createPerson(db.superuser);
    const setProven = (at: string) =>
      db.superuser.query(`update app_public.users set email_verified_at = ${at} where id = $1`, [
        guest.userId,
      ]);
    const code = await db.asUser(world.owner, async (request) => {
      const shown = await invite(request, { email: guest.email });
      await request.client.query("commit");
      return shown;
    });
    await setProven("null");
    await db.asUser(guest, (request) =>
      expect(accept(request, code)).rejects.toMatchObject({
        code: "NTFND",
        message: "This invitation does not exist or can no longer be accepted.",
      }),
    );
    await setProven("now()");
    await db.asUser(guest, async (request) => expect(await accept(request, code)).toBe(1));
  });

  it("denies inviting to the clinic of another organization", () =>
    db.asUser(world.owner, (request) =>
      expect(
        invite(request, { email: "x@example.com", clinicId: world.abroad.clinic.id, clinicRole: "staff" }),
      ).rejects.toMatchObject({ code: "23503" }),
    ));

  it("denies an admin who invites an owner", () =>
    db.asUser(world.admin, (request) =>
      expect(invite(request, { email: "x@example.com", organizationRole: "owner" })).rejects.toMatchObject({
        code: "42501",
      }),
    ));

  it("keeps the role of somebody who is there already", async () => {
    const member = await createPerson(db.superuser);
    await joinOrganization(db.superuser, member, world.own, "member");
    await db.asUser(world.admin, async (request) => {
      const code = await invite(request, { email: member.email, organizationRole: "admin" });
      await request.become(member);
      await accept(request, code);
      expect(await request.value("select role from app_public.organization_memberships")).toBe("member");
    });
  });

  it("denies whoever invites themselves into a clinic's records, the owner included", async () => {
    for (const person of [world.admin, world.owner]) {
      await db.asUser(person, (request) =>
        expect(
          invite(request, { email: person.email, clinicId: world.here.clinic.id, clinicRole: "provider" }),
        ).rejects.toMatchObject({ code: "42501" }),
      );
    }
  });

  it("denies whoever made the invitation, for an address that became theirs since", async () => {
    const inviter = await createAdministrator(db.superuser, world.own, "admin");
    const code = `code-${inviter.userId}`;
    await db.superuser.query(
      `insert into app_public.invitations
         (organization_id, clinic_id, email, organization_role, clinic_role, code_hash, expires_at, created_by)
       values ($1, $2, $3, 'member', 'provider', sha256($4), now() + interval '1 day', $5)`,
      [world.own, world.here.clinic.id, inviter.email, Buffer.from(code), inviter.userId],
    );
    await db.asUser(inviter, (request) =>
      expect(accept(request, code)).rejects.toMatchObject({ code: "NTFND" }),
    );
  });

  it("cannot be brought back by an admin once it was revoked", async () => {
    const guest = await createPerson(db.superuser);
    await db.asUser(world.owner, async (request) => {
      const code = await invite(request, { email: guest.email, organizationRole: "owner" });
      const id = await latestInvitation(request);
      await request.attempt("update app_public.invitations set revoked_at = now() where id = $1", [id]);
      await request.become(world.admin);
      await request
        .attempt("update app_public.invitations set revoked_at = null where id = $1", [id])
        .catch(() => undefined);
      await request.become(guest);
      await expect(accept(request, code)).rejects.toMatchObject({ code: "NTFND" });
    });
  });

  it("does not bring back a role in the clinic that was taken away since it was made", async () => {
    const guest = await createPerson(db.superuser);
    await db.asUser(world.owner, async (request) => {
      const invitation = { email: guest.email, clinicId: world.here.clinic.id, clinicRole: "clinic_admin" };
      const code = await invite(request, invitation);
      await request.become(guest);
      await accept(request, code);
      await request.become(world.owner);
      const spare = await invite(request, invitation);
      expect(
        await request.attempt("update app_public.clinic_memberships set role = 'viewer' where user_id = $1", [
          guest.userId,
        ]),
      ).toBe(1);
      await request.become(guest);
      await accept(request, spare);
      expect(
        await request.value("select role from app_public.clinic_memberships where user_id = $1", [
          guest.userId,
        ]),
      ).toBe("viewer");
    });
  });

  it("denies the way back by an older invitation after a membership has ended", async () => {
    const guest = await createPerson(db.superuser);
    await db.asUser(world.owner, async (request) => {
      const code = await invite(request, { email: guest.email });
      await request.become(guest);
      await accept(request, code);
      await request.become(world.owner);
      const spare = await invite(request, { email: guest.email });
      expect(
        await request.attempt(
          "update app_public.organization_memberships set active = false where user_id = $1",
          [guest.userId],
        ),
      ).toBe(1);
      await request.become(guest);
      await expect(accept(request, spare)).rejects.toMatchObject({ code: "NTFND" });
    });
  });
});
