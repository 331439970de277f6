import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";
import { eventually } from "../../support/eventually.ts";
import { usePipelines } from "./pipelines.ts";

const db = useTestDatabase();
const pipelines = usePipelines(db);
let person: Person;

const WHO = {
  name: "who",
  text: "select auth.uid()::text as id, current_user::text as role",
  arrayMode: true,
};

beforeAll(async () => {
  person = await createPerson(db.superuser);
  await db.superuser.query(`
    create table app_public.notes (id integer primary key, text text);
    create table app_public.later (id integer references app_public.notes deferrable initially deferred);
    alter table app_public.notes enable row level security;
    create policy all_own on app_public.notes to app_user
      using (text = current_setting('jwt.claims.sub', true)) with check (true);
    grant select, insert, update on app_public.notes to app_user;
    grant insert on app_public.later to app_user`);
});

describe("a statement", () => {
  it("runs as its request, and leaves nothing of it on the connection", async () => {
    expect(await pipelines.run(person, WHO)).toEqual([[person.userId, "app_user"]]);
    expect(await pipelines.run(null, WHO)).toEqual([[null, "app_anonymous"]]);
    expect(await pipelines.run(person, WHO)).toEqual([[person.userId, "app_user"]]);
  });

  it("gives rows as objects where no arrays are wanted, and takes values of every kind", async () => {
    const text = "select $1::int as n, $2::jsonb as j, $3::text[] as a, $4::bytea as b, $5::text as nothing";
    const rows = await pipelines.run(person, {
      name: "values",
      text,
      values: [1, { a: [1] }, ["x", null], Buffer.from("y"), null],
    });
    expect(rows).toEqual([{ n: 1, j: { a: [1] }, a: ["x", null], b: Buffer.from("y"), nothing: null }]);
  });

  it("cannot change its role or settings for the next", async () => {
    const forge = { text: "select set_config('jwt.claims.sub', 'x', false)" };
    await expect(pipelines.run(person, forge)).rejects.toMatchObject({ code: "42501" });
    await expect(pipelines.run(person, { ...forge, name: "forge" })).rejects.toMatchObject({ code: "42501" });
    await pipelines.run(person, { name: "set", text: "set session jwt.claims.sub to 'forged'" });
    expect(await pipelines.run(null, WHO)).toEqual([[null, "app_anonymous"]]);
  });

  it("known to be short shares its connection, with as many as wait; one that was never seen does not", async () => {
    const pid = { name: "pid", text: "select pg_backend_pid() as pid" };
    const shared = await Promise.all(Array.from({ length: 40 }, () => pipelines.runShared(person, pid)));
    expect(new Set(shared.map(([row]) => (row as { pid: number }).pid)).size).toBeLessThanOrEqual(2);
    const { pid: own } = (await pipelines.run(person, { ...pid, name: "never seen" }))[0] as { pid: number };
    expect(shared.map(([row]) => (row as { pid: number }).pid)).not.toContain(own);
  });

  it("that is not short this time gets a connection of its own, and its answer", async () => {
    const long = { name: "long", text: "select count(*)::int as n from generate_series(1, 12000000)" };
    expect(await pipelines.runShared(person, long)).toEqual([{ n: 12_000_000 }]);
    expect(pipelines.pools().requests.shortReads.takes("long")).toBe(false);
  });

  it("that fails does not touch those beside it on the same connection", async () => {
    const divide = (n: number) => ({ name: "divide", text: "select 1 / $1::int as q", values: [n] });
    const answers = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) => pipelines.run(person, divide(n % 4))),
    );
    expect(answers.map(({ status }) => status)).toEqual(
      Array.from({ length: 40 }, (_, n) => (n % 4 === 0 ? "rejected" : "fulfilled")),
    );
  });

  it("that cannot be parsed is refused every time, and a right one of that name works afterwards", async () => {
    const wrong = { name: "oops", text: "selekt 1" };
    const first = Array.from({ length: 5 }, () => pipelines.run(person, wrong));
    for (const { status } of await Promise.allSettled(first)) {
      expect(status).toBe("rejected");
    }
    await expect(pipelines.run(person, wrong)).rejects.toMatchObject({ code: "42601" });
    expect(await pipelines.run(person, { name: "oops", text: "select 1 as n" })).toEqual([{ n: 1 }]);
  });

  it("ends at its own time limit, with the next unharmed", async () => {
    const slow = { name: "slow", text: "select count(*) from generate_series(1, 100000000)" };
    const [ended, next] = await Promise.allSettled([
      pipelines.run(person, slow, { statement_timeout: "50ms" }),
      pipelines.run(person, WHO),
    ]);
    expect(ended).toMatchObject({ status: "rejected", reason: { code: "57014" } });
    expect(next).toMatchObject({ value: [[person.userId, "app_user"]] });
  });

  it("is planned anew when the schema has changed under its plan", async () => {
    const all = { name: "all notes", text: "select * from app_public.notes", arrayMode: true };
    await Promise.all(Array.from({ length: 10 }, () => pipelines.run(person, all)));
    await db.superuser.query("alter table app_public.notes add column more integer default 7");
    await db.superuser.query("insert into app_public.notes values (100, $1)", [person.userId]);
    const answers = await Promise.all(Array.from({ length: 10 }, () => pipelines.run(person, all)));
    expect(answers).toEqual(Array.from({ length: 10 }, () => [[100, person.userId, 7]]));
  });
});

describe("a mutation", () => {
  const insert = (id: number) => ({
    text: "insert into app_public.notes (id, text) values ($1, $2) returning id",
    values: [id, person.userId],
    arrayMode: true,
  });

  it("is committed with its answer", async () => {
    expect(await pipelines.run(person, insert(1))).toEqual([[1]]);
    const { rows } = await db.superuser.query("select id from app_public.notes where id = 1");
    expect(rows).toHaveLength(1);
  });

  it("that fails leaves nothing", async () => {
    const text = "insert into app_public.notes (id, text) values (2, ''), (2, '')";
    await expect(pipelines.run(person, { text })).rejects.toMatchObject({ code: "23505" });
    const { rows } = await db.superuser.query("select id from app_public.notes where id = 2");
    expect(rows).toHaveLength(0);
  });

  it("fails when a constraint that is checked at the commit does not hold", async () => {
    await expect(
      pipelines.run(person, { text: "insert into app_public.later values (99)" }),
    ).rejects.toMatchObject({ code: "23503" });
  });

  it("of several statements is one transaction", async () => {
    await expect(
      pipelines.withClient(person, (client) =>
        client.withTransaction(async (transaction) => {
          await transaction.query(insert(3) as never);
          await transaction.query({ text: "select 1 / 0" } as never);
        }),
      ),
    ).rejects.toMatchObject({ code: "22012" });
    const { rows } = await db.superuser.query("select id from app_public.notes where id = 3");
    expect(rows).toHaveLength(0);
  });
});

describe("a connection", () => {
  it("that is lost fails what was on it, and is replaced", async () => {
    const slow = { name: "sleepy", text: "select count(*) from generate_series(1, 4000000)" };
    const lost = Promise.allSettled(Array.from({ length: 4 }, () => pipelines.runShared(person, slow)));
    const kill = async () => {
      const { rows } = await db.superuser.query<{ killed: number }>(
        `select count(pg_terminate_backend(pid, 5000))::int as killed from pg_catalog.pg_stat_activity
         where datname = current_database() and application_name = 'bailiwick test' and state = 'active'`,
      );
      return rows[0]?.killed ?? 0;
    };
    await eventually(async () => (await kill()) > 0);
    expect((await lost).some(({ status }) => status === "rejected")).toBe(true);
    expect(await pipelines.run(person, WHO)).toEqual([[person.userId, "app_user"]]);
  });

  it("whose prepared statements the server has forgotten works on, after it has prepared them anew", async () => {
    const forget = { name: "forget", text: "deallocate all" };
    for (const run of [pipelines.run, pipelines.runShared]) {
      await run(person, WHO);
      await run(person, forget);
      expect(await run(person, WHO)).toEqual([[person.userId, "app_user"]]);
      expect(await run(null, WHO)).toEqual([[null, "app_anonymous"]]);
    }
  });

  it("is not harmed by a value that cannot be sent", async () => {
    const values = [
      {
        toPostgres: () => {
          throw new Error("no");
        },
      },
    ];
    const hurt = { name: "hurt", text: "select $1::text", values };
    await expect(pipelines.runShared(person, hurt)).rejects.toThrow("no");
    await expect(pipelines.run(person, { ...hurt, name: "hurt too" })).rejects.toThrow("no");
    expect(await pipelines.runShared(null, WHO)).toEqual([[null, "app_anonymous"]]);
  });

  it("keeps only as many statements as it may", async () => {
    for (let n = 0; n < 120; n++) {
      await pipelines.run(person, { name: `many ${n}`, text: `select ${n} as n` });
    }
    const rows = await pipelines.run(person, {
      name: "count",
      text: "select count(*)::int as n from pg_prepared_statements",
    });
    expect(rows).toEqual([{ n: expect.any(Number) }]);
    expect((rows[0] as { n: number }).n).toBeLessThanOrEqual(50);
  });

  it("has nothing in flight when everybody has been answered", () => {
    expect(pipelines.pools().shared.inFlight).toBe(0);
  });
});

describe("without named statements", () => {
  const unnamed = usePipelines(db, { preparedLimit: 0 });

  it("everything works, and the server keeps none", async () => {
    expect(await unnamed.run(person, WHO)).toEqual([[person.userId, "app_user"]]);
    const rows = await unnamed.run(person, {
      name: "count",
      text: "select count(*)::int as n from pg_prepared_statements",
    });
    expect(rows).toEqual([{ n: 0 }]);
  });
});
