import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";
import { Pool } from "pg";

import {
  createOrganization,
  createPerson,
  joinOrganization,
  type Person,
} from "../../src/access/world/people.ts";
import type { Identity } from "../../src/auth/authenticate.ts";
import { pgSettings } from "../../src/auth/pgSettings.ts";
import { NO_SCOPE } from "../../src/auth/requestScope.ts";
import { makeFindPayers, type Payers } from "../../src/limits/findPayers.ts";
import { RateLimiter } from "../../src/limits/RateLimiter.ts";
import { useTestDatabase } from "../support/database.ts";

const ORIGIN = { requestId: "r1", client: null };
const db = useTestDatabase();
let person: Person;
let own: string[];

beforeAll(async () => {
  person = await createPerson(db.superuser);
  own = [await createOrganization(db.superuser), await createOrganization(db.superuser)];
  for (const id of own) {
    await joinOrganization(db.superuser, person, id);
  }
});

/** Connections of the gateway, and how often one was asked for. */
function openPool() {
  const pool = new Pool({ connectionString: db.urls.gateway, max: 2 });
  db.beforeDrop(() => pool.end());
  return { pool, connect: jest.spyOn(pool, "connect") };
}

function identify(organizationId: string | null = null, { userId, sessionId } = person): Identity {
  const claims = { userId, sessionId, organizationId: null, clinicId: null, expiresAt: 0 };
  return { claims, settings: pgSettings(claims, { ...NO_SCOPE, organizationId }, "r1"), origin: ORIGIN };
}

async function idsOf(payers: Payers): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of payers) {
    ids.push(id);
  }
  expect(payers.known().map(({ id }) => id)).toEqual(ids);
  return ids;
}

describe("who pays", () => {
  it("is a person with all of their organizations, or with the named one, and never a foreign one", async () => {
    const { pool, connect } = openPool();
    const findPayers = makeFindPayers(pool);
    const [first = "", second = ""] = own;
    expect((await idsOf(findPayers(identify(), "a"))).toSorted()).toEqual([person.userId, ...own].toSorted());
    expect(await idsOf(findPayers(identify(second), "a"))).toEqual([person.userId, second]);
    expect(await idsOf(findPayers(identify(first), "a"))).toEqual([person.userId, first]);
    for (let n = 0; n < 20; n += 1) {
      expect(await idsOf(findPayers(identify(randomUUID()), "a"))).toEqual([person.userId]);
    }
    expect(connect).toHaveBeenCalledTimes(1);
  });

  it("is the same where the first question named a foreign organization", async () => {
    const { pool } = openPool();
    const findPayers = makeFindPayers(pool);
    expect(await idsOf(findPayers(identify(randomUUID()), "a"))).toEqual([person.userId]);
    expect(await idsOf(findPayers(identify(own[0]), "a"))).toEqual([person.userId, own[0]]);
  });

  it("is not asked of the database for a person who has spent all, or for nobody", async () => {
    const { pool, connect } = openPool();
    const findPayers = makeFindPayers(pool);
    const limiter = new RateLimiter({ user: 5, organization: 0, address: 5 });
    const payers = findPayers(identify(own[0]), "a");
    expect(await limiter.charge(payers, 6)).toMatchObject({ isExceeded: true });
    expect(payers.known()).toEqual([{ kind: "user", id: person.userId }]);
    expect(await idsOf(findPayers(undefined, "192.0.2.1"))).toEqual(["192.0.2.1"]);
    expect(connect).not.toHaveBeenCalled();
  });

  it("is known of a person who has spent all, so that they are refused at their organization's pace", async () => {
    const { pool } = openPool();
    const findPayers = makeFindPayers(pool);
    const limiter = new RateLimiter({ user: 5, organization: 0, address: 5 });
    expect(await limiter.charge(findPayers(identify(own[0]), "a"), 5)).toMatchObject({ isExceeded: false });
    const payers = findPayers(identify(own[0]), "a");
    expect(await limiter.charge(payers, 1)).toMatchObject({ isExceeded: true });
    expect(payers.known()).toContainEqual({ kind: "organization", id: own[0] });
  });

  it("is asked again after a failure, which costs the organization nothing but that request", async () => {
    const { pool, connect } = openPool();
    const findPayers = makeFindPayers(pool);
    connect.mockImplementationOnce(() => Promise.reject(new Error("away")));
    expect(await idsOf(findPayers(identify(own[0]), "a"))).toEqual([person.userId]);
    expect(await idsOf(findPayers(identify(own[0]), "a"))).toEqual([person.userId, own[0]]);
    const ended = { ...person, sessionId: randomUUID() };
    const another = makeFindPayers(pool);
    expect(await idsOf(another(identify(own[0], ended), "a"))).toEqual([person.userId]);
    expect(await idsOf(another(identify(own[0]), "a"))).toEqual([person.userId, own[0]]);
  });
});
