import { beforeAll, describe, expect, it } from "@jest/globals";

import { joinClinic } from "../../../src/access/world/people.ts";
import type { Request } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const KEY = Buffer.alloc(32, 1);
const REQUEST = Buffer.alloc(32, 2);
const ANSWER = Buffer.alloc(64, 3);
const CLAIM = "select app_hidden.claim_idempotency_key($1, $2)";
const KEEP = "select app_hidden.keep_idempotent_answer($1, $2, $3)";

const database = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(database.superuser);
  await joinClinic(database.superuser, world.here.provider, world.abroad.clinic, "provider");
});

const claim = ({ value }: Request) => value(CLAIM, [KEY, REQUEST]);
/** As a provider of two organizations, in the first of them, who has been answered. */
const whenAnswered = (work: (request: Request) => Promise<void>) =>
  database.asUser(
    world.here.provider,
    async (request) => {
      expect(await claim(request)).toBeNull();
      await request.value(KEEP, [KEY, REQUEST, ANSWER]);
      await work(request);
    },
    { organizationId: world.own },
  );

describe("an answer that was kept", () => {
  it("is given again to whoever was answered", () =>
    whenAnswered(async (request) => expect(await claim(request)).toEqual(ANSWER)));

  it("is nobody else's, whatever key they send", () =>
    whenAnswered(async (request) => {
      await request.become(world.here.staff, { organizationId: world.own });
      expect(await claim(request)).toBeNull();
    }));

  it.each([
    ["another organization", () => world.foreign],
    ["no organization in particular", () => undefined],
  ])("is not given to the same person at work for %s", (_what, organization) =>
    whenAnswered(async (request) => {
      const organizationId = organization();
      await request.become(world.here.provider, organizationId === undefined ? {} : { organizationId });
      expect(await claim(request)).toBeNull();
    }),
  );

  it("goes when its day is over, and no other with it", () =>
    database.inTransaction(async (client) => {
      const insert = `insert into app_private.idempotent_answers
        (user_id, organization_id, key_hash, request_hash, sealed_answer, expires_at)
        values ($1, null, $2, $3, $4, now() + $5::interval)`;
      const { userId, sessionId } = world.here.provider;
      await client.query(insert, [userId, KEY, REQUEST, ANSWER, "-1 second"]);
      await client.query(insert, [userId, REQUEST, REQUEST, ANSWER, "1 hour"]);
      await client.query(insert, [world.here.staff.userId, KEY, REQUEST, ANSWER, "-1 second"]);
      await client.query(
        "select set_config('jwt.claims.sub', $1, true), set_config('jwt.claims.sid', $2, true), set_config('role', 'app_user', true)",
        [userId, sessionId],
      );
      expect((await client.query(CLAIM, [KEY, REQUEST])).rows).toEqual([{ claim_idempotency_key: null }]);
      await client.query("reset role");
      const { rows } = await client.query(
        "select user_id, key_hash from app_private.idempotent_answers where user_id = any ($1) order by expires_at",
        [[userId, world.here.staff.userId]],
      );
      expect(rows).toEqual([
        { user_id: world.here.staff.userId, key_hash: KEY },
        { user_id: userId, key_hash: REQUEST },
      ]);
    }));
});

it("a key is not taken for nobody", () =>
  database.inTransaction(async (client) => {
    await client.query("set local role app_user");
    await expect(client.query(CLAIM, [KEY, REQUEST])).rejects.toMatchObject({ code: "UNAUT" });
  }));
