import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createOrganization } from "../../src/access/world/people.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
let acme = "";
let other = "";

beforeAll(async () => {
  acme = await createOrganization(db.superuser, "Acme");
  other = await createOrganization(db.superuser, "Other");
});

/** Months of 2010, of which January and March are the other organization's, and two events in February are Acme's. */
const whenOld = <T>(work: (client: ClientBase) => Promise<T>) =>
  db.inTransaction(async (client) => {
    await client.query(
      "set local role app_owner; select app_audit.create_partitions('2010-01-01', 3); reset role",
    );
    await client.query(
      `insert into app_audit.events (occurred_at, organization_id, actor_role, command, table_name, row_id, changed_fields)
       select t::timestamptz, o::uuid, 'app_worker', 'UPDATE', 'app_public.clinics', gen_random_uuid(), '{name}'
       from (values ('2010-01-31T23:59:59Z', $2), ('2010-02-01T00:00:00Z', $1), ('2010-02-28T23:59:59Z', $1),
         ('2010-03-01T00:00:00Z', $2)) as e (t, o)`,
      [acme, other],
    );
    return work(client);
  });

async function as<Row extends object>(client: ClientBase, role: string, sql: string, values: unknown[] = []) {
  await client.query(`set local role ${role}`);
  const { rows } = await client.query<Row>(sql, values);
  await client.query("reset role");
  return rows;
}

async function hold(client: ClientBase, organizationId: string): Promise<string | undefined> {
  const made = await as<{ id: string }>(
    client,
    "app_owner",
    "select app_audit.hold_events($1, 'Case') as id",
    [organizationId],
  );
  return made[0]?.id;
}

async function release(client: ClientBase, id: string | undefined): Promise<boolean | undefined> {
  const sql = "select app_audit.release_events($1) as done";
  return (await as<{ done: boolean }>(client, "app_owner", sql, [id]))[0]?.done;
}

const keep = (client: ClientBase, organizationId: string, years: number) =>
  as(client, "app_owner", "select app_audit.keep_events($1, 'XX', $2)", [organizationId, years]);

/** Of each month, until which year it is kept, and whether it is held. */
async function months(client: ClientBase): Promise<string[]> {
  const rows = await as<{ line: string }>(
    client,
    "app_sealer",
    `select to_char(covers_from at time zone 'UTC', 'YYYY-MM ') || extract(year from keep_until at time zone 'UTC')
       || case when is_held then ' held' else '' end as line
     from app_audit.old_months()`,
  );
  return rows.map(({ line }) => line);
}

const FREE = ["2010-01 2016", "2010-02 2016", "2010-03 2016"];

describe("old_months()", () => {
  it("are those of more than six years ago, and none of this one's", () =>
    whenOld(async (client) => expect(await months(client)).toEqual(FREE)));

  it("are held where an organization with events in them is, until its last hold is released", () =>
    whenOld(async (client) => {
      const first = await hold(client, acme);
      const second = await hold(client, acme);
      const held = ["2010-01 2016", "2010-02 2016 held", "2010-03 2016"];
      expect(await months(client)).toEqual(held);
      expect(await release(client, first)).toBe(true);
      expect(await months(client)).toEqual(held);
      expect(await release(client, first)).toBe(false);
      expect(await release(client, second)).toBe(true);
      expect(await months(client)).toEqual(FREE);
    }));

  it("are kept for as long as the organizations with events in them keep theirs", () =>
    whenOld(async (client) => {
      await keep(client, acme, 90);
      expect(await months(client)).toEqual(["2010-01 2016", "2010-02 2100", "2010-03 2016"]);
    }));
});

describe("demand_removable()", () => {
  const FEBRUARY = ["2010-02-01Z", "2010-03-01Z", 2] as const;
  /** What is said against removing February, or another month. */
  const objection = (
    { tombstone = FEBRUARY as readonly [string, string, number] | null, month = "2010-02-01Z" },
    arrange?: (client: ClientBase) => Promise<unknown>,
  ) =>
    whenOld(async (client) => {
      if (tombstone !== null) {
        await client.query(
          `insert into app_audit.tombstones
           values (99, $1, $2, $3, '{}', '[]', 'x', sha256('x'), now(), sha256('x'), 'x', decode(repeat('00', 64), 'hex'))`,
          [...tombstone],
        );
      }
      await arrange?.(client);
      return as(client, "app_owner", "select app_audit.demand_removable($1)", [month]).then(
        () => null,
        ({ message }: Error) => message,
      );
    });

  it("lets a month go with a tombstone that counts its events, and theirs alone", async () => {
    expect(await objection({})).toBeNull();
  });

  it.each([
    ["without one", null],
    ["that counts others", ["2010-02-01Z", "2010-03-01Z", 3]],
    ["that begins elsewhere", ["2010-01-01Z", "2010-03-01Z", 2]],
    ["that ends elsewhere", ["2010-02-01Z", "2010-04-01Z", 2]],
  ] as const)("keeps it with a tombstone: %s", async (_, tombstone) => {
    expect(await objection({ tombstone })).toMatch("has no tombstone");
  });

  it("keeps what is no old month, whatever a tombstone says", async () => {
    const month = "2009-12-01Z";
    expect(await objection({ month, tombstone: [month, "2010-01-01Z", 0] })).toMatch("kept for longer");
  });

  it("keeps it while its organization keeps its events or is under a hold, and not for another's sake", async () => {
    expect(await objection({}, (client) => keep(client, acme, 90))).toMatch("kept for longer");
    expect(await objection({}, (client) => hold(client, acme))).toMatch("legal hold");
    expect(
      await objection({}, async (client) => {
        await keep(client, other, 90);
        await hold(client, other);
      }),
    ).toBeNull();
  });
});

it("audit_partitions() counts events that are in no month, and none that are in one", () =>
  whenOld(async (client) => {
    const count = async () =>
      (
        await as<{ stray: string }>(
          client,
          "app_worker",
          "select stray_events as stray from app_hidden.audit_partitions()",
        )
      )[0]?.stray;
    expect(await count()).toBe("0");
    for (const time of ["2009-12-31T23:59:59Z", "2999-01-01Z"]) {
      await client.query(
        `insert into app_audit.events (occurred_at, actor_role, command, table_name, row_id, changed_fields)
         values ($1, 'x', 'INSERT', 'x', gen_random_uuid(), '{}')`,
        [time],
      );
    }
    expect(await count()).toBe("2");
  }));
