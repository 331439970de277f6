import { beforeAll, describe, expect, it } from "@jest/globals";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import { applySettings } from "../../../src/access/world/rolledBack.ts";
import { useTestDatabase } from "../../support/database.ts";

/** Functions that act as app_definer see secrets for the job that asks, and for nobody else who might call one. */
const db = useTestDatabase();
let world: FullWorld;

beforeAll(async () => {
  world = await createFullWorld(db);
});

/** The organizations whose secrets a function finds that `role` calls in an organization. */
const found = (table: string, role: string, organizationId: string) =>
  db.inTransaction(async (client) => {
    await client.query("grant create on schema app_hidden to app_definer; set local role app_definer");
    await client.query(
      `create function app_hidden.peek() returns setof uuid security definer set search_path to '' language sql stable
       begin atomic select distinct s.organization_id from ${table} s order by 1; end`,
    );
    await client.query(`grant execute on function app_hidden.peek() to ${role}; reset role`);
    await applySettings(client, {
      role,
      "app.organization_id": organizationId,
      "jwt.claims.sub": role === "app_user" ? world.here.provider.userId : "",
    });
    const { rows } = await client.query<{ id: string }>("select * from app_hidden.peek() as id");
    return rows.map(({ id }) => id);
  });

describe.each(["app_private.integration_credentials", "app_private.webhook_secrets"])("%s", (table) => {
  it("is seen for the worker, in the organization of its job only", async () => {
    for (const organizationId of [world.own, world.foreign]) {
      expect(await found(table, "app_worker", organizationId)).toEqual([organizationId]);
    }
    expect(await found(table, "app_worker", "")).toEqual([]);
  });

  it("is not seen for a request of the organization's people", async () => {
    expect(await found(table, "app_user", world.own)).toEqual([]);
  });
});
