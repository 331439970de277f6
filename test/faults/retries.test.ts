import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { addSlowFunctions } from "../support/slowFunctions.ts";

jest.setTimeout(60_000);

const db = useTestDatabase();
const api = useGateway(db, { prepare: () => addSlowFunctions(db.superuser) });
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const ask = (query: string) => api.query(world.here.provider, query);
const retries = async (sqlstate: string) => {
  const text = await (await fetch(`${api.gateway.adminUrl}/metrics`)).text();
  const pattern = new RegExp(`^bailiwick_database_retries_total{sqlstate="${sqlstate}"} (\\d+)$`, "m");
  return Number(pattern.exec(text)?.[1] ?? 0);
};

describe("a deadlock", () => {
  it("is nobody's answer: the one that Postgres ends is run again", async () => {
    const cross = (first: number, second: number) =>
      ask(`mutation { crossWays(input: { first: ${first}, second: ${second} }) { result } }`);
    const answers = await Promise.all([cross(1, 2), cross(2, 1)]);
    expect(answers.map(({ data, errors }) => [data?.crossWays?.result, errors])).toEqual([
      [1, undefined],
      [2, undefined],
    ]);
    expect(await retries("40P01")).toBeGreaterThanOrEqual(1);
  });
});

describe("a serialization failure", () => {
  const failUntil = async (calls: number) => {
    await db.superuser.query("select setval('app_public.tries', 1, false)");
    const { status, data, errors } = await ask(
      `mutation { failUntil(input: { calls: ${calls} }) { result } }`,
    );
    return [status, data?.failUntil?.result ?? errors?.[0]?.extensions?.code];
  };
  const calls = async () =>
    Number((await db.superuser.query("select last_value from app_public.tries")).rows[0].last_value);

  it("is tried again until it goes through", async () => {
    expect(await failUntil(3)).toEqual([200, 3]);
    expect(await retries("40001")).toBe(2);
  });

  it("is a conflict when it does not go through in four attempts", async () => {
    expect(await failUntil(100)).toEqual([200, "CONFLICT"]);
    expect(await calls()).toBe(4);
  });
});

describe("a migration under traffic", () => {
  it("is not noticed: a plan that no longer fits is made anew, on every connection", async () => {
    await db.superuser.query(
      "create table app_public.notices (id int primary key, title varchar(20) not null)",
    );
    await db.superuser.query("insert into app_public.notices values (1, 'hello')");
    await db.superuser.query(`grant select on app_public.notices to app_user`);
    await db.superuser.query("alter table app_public.notices enable row level security");
    await db.superuser.query("alter table app_public.notices force row level security");
    await db.superuser.query(
      "create policy select_all on app_public.notices for select to app_user using (id > 0)",
    );
    await api.gateway.reload();
    // One that is compiled, whose result has the same type whatever its columns have, and one that Grafast plans.
    const documents = [
      "{ notices { nodes { title } } }",
      "{ notices { nodes { title } edges { node { title } } } }",
    ];
    // Several at a time, so that several connections have the plan.
    const readByMany = () =>
      Promise.all(Array.from({ length: 16 }, (_, index) => ask(documents[index % 2] ?? "")));
    for (const type of ["text", "varchar(30)", "text"]) {
      for (let round = 0; round < 3; round++) {
        expect(new Set((await readByMany()).map(({ text }) => text)).size).toBe(documents.length);
      }
      await db.superuser.query(`alter table app_public.notices alter column title type ${type}`);
      for (const { status, data, errors } of await readByMany()) {
        expect([status, errors]).toEqual([200, undefined]);
        expect(data).toMatchObject({ notices: { nodes: [{ title: "hello" }] } });
      }
    }
    expect(await retries("0A000")).toBeGreaterThan(0);
  });
});
