import { beforeAll, describe, expect, it } from "@jest/globals";

import { createAdministrator, createOrganization, createPerson } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";
import { useGateway } from "../../support/graphql.ts";
import { queuedJobs } from "../../support/jobs.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

/** @returns the code. */
const invite = (request: Request, email: string, clinicId: string | null = null) =>
  request.value<string>(
    "select code from app_public.invite_member($1, 'member', $2, $3::app_public.clinic_role)",
    [email, clinicId, clinicId && "staff"],
  );
const accept = (request: Request, code: string | undefined) =>
  request.attempt("select * from app_public.accept_invitation($1)", [code]);
const openFor = (request: Request, email: string) =>
  request.value("select count(*)::int from app_public.invitations where email = $1 and revoked_at is null", [
    email,
  ]);

describe("inviting somebody again", () => {
  it("takes the place of the open invitation: the new code works, and the older one no more", async () => {
    const guest = await createPerson(db.superuser);
    await db.asUser(world.owner, async (request) => {
      const older = await invite(request, guest.email);
      const newer = await invite(request, guest.email);
      expect(await openFor(request, guest.email)).toBe(1);
      await request.become(guest);
      await expect(accept(request, older)).rejects.toMatchObject({ code: "NTFND" });
      expect(await accept(request, newer)).toBe(1);
    });
  });

  it("leaves those into another clinic and another organization, and what was accepted", async () => {
    const guest = await createPerson(db.superuser);
    const stranger = await createAdministrator(db.superuser, world.foreign, "owner");
    await db.asUser(stranger, async (request) => {
      const theirs = await invite(request, guest.email);
      await request.become(world.owner);
      const { here, there } = world;
      const codes = [
        await invite(request, guest.email, here.clinic.id),
        await invite(request, guest.email, there.clinic.id),
      ];
      expect(await openFor(request, guest.email)).toBe(2);
      await request.become(guest);
      for (const code of [theirs, ...codes]) {
        expect(await accept(request, code)).toBe(1);
      }
      await request.become(world.owner);
      await invite(request, guest.email, here.clinic.id);
      expect(await openFor(request, guest.email)).toBe(3);
    });
  });

  it("leaves one open of two at the same moment", async () => {
    const email = "twice@example.com";
    const twice = [1, 2].map(() =>
      db.asUser(world.owner, async (request) => {
        await invite(request, email);
        await request.client.query("commit");
      }),
    );
    await Promise.all(twice);
    await db.asUser(world.owner, async (request) => expect(await openFor(request, email)).toBe(1));
  });
});

describe("an address", () => {
  it("is invited five times in a quarter of an hour by all organizations together; another one still is", async () => {
    const email = "flooded@example.com";
    const maker = await createPerson(db.superuser);
    await db.superuser.query("delete from graphile_worker._private_jobs");
    await db.asUser(maker, async (request) => {
      const made = [];
      for (let n = 0; n < 2; n += 1) {
        made.push(
          await request.value<string>("select id from app_public.create_organization('Flood', $1)", [
            `flood-${n}`,
          ]),
        );
      }
      const inviteTo = (organizationId: string | undefined, address: string) =>
        request.attempt("select app_public.invite_member($1, organization_id => $2)", [
          address,
          organizationId,
        ]);
      for (let n = 0; n < 5; n += 1) {
        expect(await inviteTo(made[n % 2], n % 2 ? email : ` ${email.toUpperCase()}`)).toBe(1);
      }
      await expect(inviteTo(made[0], email)).rejects.toMatchObject({
        code: "LIMIT",
        hint: expect.stringMatching(/^(89\d|900)$/),
      });
      expect(await inviteTo(made[0], "other@example.com")).toBe(1);
      await request.client.query("commit");
    });
    expect((await queuedJobs(db)).filter(({ task }) => task === "mail__send")).toHaveLength(6);
  });

  it("that was invited too often answers the client with the seconds to wait, and without who did", async () => {
    const organizationId = await createOrganization(db.superuser);
    const owner = await createAdministrator(db.superuser, organizationId, "owner");
    const inviteOnce = () =>
      api.query(
        owner,
        `mutation { inviteMember(input: { email: "often@example.com" }) { result { invitationId } } }`,
      );
    for (let n = 0; n < 5; n += 1) {
      expect((await inviteOnce()).errors).toBeUndefined();
    }
    const { status, errors, headers } = await inviteOnce();
    expect(status).toBe(429);
    expect(errors).toMatchObject([
      {
        message: "This address was invited too often. Wait before the next invitation.",
        extensions: { code: "TOO_MANY_REQUESTS" },
      },
    ]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(800);
  });
});
