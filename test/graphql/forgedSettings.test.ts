import { beforeAll, describe, expect, it } from "@jest/globals";
import jwt from "jsonwebtoken";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  // A policy as a stranger would write it, and a function that shows what it would see.
  await db.superuser.query(`
    create function app_public.seen_settings() returns text[] as $$
      select array[
        current_setting('app.current_user_id', true),
        current_setting('app.current_org_id', true),
        coalesce(nullif(current_setting('app.is_superadmin', true), ''), 'unset')
      ];
    $$ language sql stable;
    grant execute on function app_public.seen_settings() to app_user;`);
  await api.gateway.reload();
});

const FORGED = {
  "app.is_superadmin": "true",
  "X-Is-Superadmin": "true",
  "X-App-Is-Superadmin": "true",
  "X-Current-User-Id": "",
};

describe("app.current_user_id, app.current_org_id and app.is_superadmin", () => {
  it("cannot be forged by headers", async () => {
    const { staff, clinic } = world.here;
    const { data, errors } = await api.query(staff, "{ seenSettings }", {
      headers: {
        ...FORGED,
        "X-Current-User-Id": world.superadmin.userId,
        "X-Organization-Id": clinic.organizationId,
      },
    });
    expect(errors).toBeUndefined();
    expect(data.seenSettings).toEqual([staff.userId, clinic.organizationId, "unset"]);
  });

  it("cannot be forged by claims of a token that is otherwise right", async () => {
    const { staff } = world.here;
    const claims = jwt.decode(api.tokenOf(staff)) as jwt.JwtPayload;
    const token = jwt.sign(
      {
        ...claims,
        "app.is_superadmin": "true",
        is_superadmin: true,
        "app.current_user_id": world.superadmin.userId,
        org_id: world.foreign,
      },
      db.config.auth.jwtSecret ?? "",
      { algorithm: "HS256" },
    );
    const response = await fetch(`${api.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: "{ seenSettings organizations { nodes { rowId } } }" }),
    });
    // The token's organization narrows to where the person is nobody.
    expect(await response.json()).toEqual({
      data: { seenSettings: [staff.userId, world.foreign, "unset"], organizations: { nodes: [] } },
    });
  });
});
