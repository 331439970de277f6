import { describe, expect, it } from "@jest/globals";

import { createOrganization, createPerson, type Person } from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";
import { takeTurns, type Turns } from "../../support/takeTurns.ts";

const db = useTestDatabase();
const ACCEPT = "select organization_id as id from app_public.accept_invitation($1)";

/** A person with an open invitation, whose code is "code". */
const whenInvited = (work: (turns: Turns, guest: Person, organizationId: string) => Promise<void>) =>
  takeTurns(db, async (turns) => {
    const [guest, organizationId] = [
      await createPerson(turns.client),
      await createOrganization(turns.client),
    ];
    await turns.rows(
      `insert into app_public.invitations (organization_id, email, organization_role, code_hash, expires_at)
       values ($1, $2, 'member', sha256('code'), now() + interval '1 day')`,
      [organizationId, guest.email],
    );
    await work(turns, guest, organizationId);
  });

describe("an open invitation", () => {
  it("is accepted with its code, and with no other", () =>
    whenInvited(async (turns, guest, organizationId) => {
      await expect(turns.as(guest, ACCEPT, ["another"])).rejects.toMatchObject({ code: "NTFND" });
      expect(await turns.as(guest, ACCEPT, ["code"])).toEqual([{ id: organizationId }]);
    }));

  it("is none when its time is over", () =>
    whenInvited(async (turns, guest) => {
      await turns.rows("update app_public.invitations set expires_at = now()");
      await expect(turns.as(guest, ACCEPT, ["code"])).rejects.toMatchObject({ code: "NTFND" });
    }));
});

it.each([
  ["accepts an invitation", ACCEPT, ["code"]],
  ["makes an organization", "select app_public.create_organization('New', $1)", ["new"]],
])("nobody %s who is not signed in", (_title, sql, values) =>
  whenInvited((turns) =>
    expect(turns.asRole("app_user", sql, values)).rejects.toMatchObject({ code: "UNAUT" }),
  ),
);
