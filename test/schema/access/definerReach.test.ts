import { beforeAll, describe, expect, it } from "@jest/globals";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import type { Person } from "../../../src/access/world/people.ts";
import { applySettings } from "../../../src/access/world/rolledBack.ts";
import { useTestDatabase } from "../../support/database.ts";

/** What functions that act as app_definer see depends on who calls them: a job, or a person. */
const db = useTestDatabase();
let world: FullWorld;

beforeAll(async () => {
  world = await createFullWorld(db);
});

interface Caller {
  role: "app_worker" | "app_user";
  organizationId: string;
  person?: Person;
}

/** The different values of an expression over the rows of a table that a function finds when it is called. */
const found = (
  table: string,
  { role, organizationId, person = world.here.provider }: Caller,
  { expression = "s.organization_id::text", before = "select" } = {},
) =>
  db.inTransaction(async (client) => {
    await client.query(before);
    await client.query("grant create on schema app_hidden to app_definer; set local role app_definer");
    await client.query(
      `create function app_hidden.peek() returns setof text security definer set search_path to '' language sql stable
       begin atomic select distinct ${expression} from ${table} s order by 1; end`,
    );
    await client.query(`grant execute on function app_hidden.peek() to ${role}; reset role`);
    await applySettings(client, {
      role,
      "app.organization_id": organizationId,
      "jwt.claims.sub": role === "app_user" ? person.userId : "",
    });
    const { rows } = await client.query<{ value: string }>("select * from app_hidden.peek() as value");
    return rows.map(({ value }) => value);
  });

describe.each([
  "app_private.integration_credentials",
  "app_private.webhook_secrets",
  "app_public.integrations",
  "app_public.integration_sync_runs",
])("%s", (table) => {
  it("is seen for the worker, in the organization of its job only", async () => {
    for (const organizationId of [world.own, world.foreign]) {
      expect(await found(table, { role: "app_worker", organizationId })).toEqual([organizationId]);
    }
    expect(await found(table, { role: "app_worker", organizationId: "" })).toEqual([]);
  });

  it("is not seen for a request of the organization's people", async () => {
    expect(await found(table, { role: "app_user", organizationId: world.own })).toEqual([]);
  });
});

describe("memberships of an organization", () => {
  const TABLE = "app_public.organization_memberships";

  it("are seen for a job: those of its administrators only", async () => {
    for (const organizationId of [world.own, world.foreign]) {
      const job: Caller = { role: "app_worker", organizationId };
      expect(await found(TABLE, job)).toEqual([organizationId]);
      const roles = await found(TABLE, job, { expression: "s.role::text" });
      expect(roles).toContain("owner");
      expect(roles).not.toContain("member");
      expect(roles).not.toContain("viewer");
    }
  });

  it("are seen for a person: their own only", async () => {
    const { provider } = world.here;
    const caller: Caller = { role: "app_user", organizationId: world.own, person: provider };
    expect(await found(TABLE, caller, { expression: "s.user_id::text" })).toEqual([provider.userId]);
  });
});

describe("patients", () => {
  const caller = (): Caller => ({ role: "app_user", organizationId: world.own });

  it("are seen for somebody of a clinic, those of its organization", async () => {
    expect(await found("app_public.patients", caller())).toEqual([world.own]);
  });

  it("are not seen for somebody whose membership has ended", async () => {
    const before = `update app_public.clinic_memberships set active = false where user_id = '${world.here.provider.userId}'`;
    expect(await found("app_public.patients", caller(), { before })).toEqual([]);
  });
});
