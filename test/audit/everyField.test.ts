import { beforeAll, describe, expect, it } from "@jest/globals";
import {
  buildSchema,
  getNamedType,
  type GraphQLObjectType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from "graphql";
import pg from "pg";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

// The other witness: what the statements say that a request sends, which the plugin never looks at.
const statements: string[] = [];
const { query } = pg.Client.prototype;
pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
  const [first] = args;
  statements.push(typeof first === "string" ? first : ((first as { text?: string } | undefined)?.text ?? ""));
  return query.apply(this, args as Parameters<typeof query>);
} as typeof query;

const db = useTestDatabase();
let world: World;
beforeAll(async () => {
  world = await createWorld(db.superuser);
});
const api = useGateway(db);

/** A list of the API that is asked for without arguments, and the leaves of its rows. */
interface List {
  field: string;
  type: GraphQLObjectType;
  leaves: string[];
}

async function readLists(): Promise<List[]> {
  const { readFileSync } = await import("node:fs");
  const schema = buildSchema(readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8"));
  return Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap(({ name, type, args }) => {
    const connection = getNamedType(type);
    const nodes = isObjectType(connection) ? connection.getFields().nodes : undefined;
    const row = nodes && getNamedType(nodes.type);
    if (!isObjectType(row) || args.some(isRequiredArgument)) {
      return [];
    }
    const leaves = Object.values(row.getFields()).filter(
      (field) => isLeafType(getNamedType(field.type)) && !field.args.some(isRequiredArgument),
    );
    return [{ field: name, type: row, leaves: leaves.map((leaf) => leaf.name) }];
  });
}

/** Whether a statement names a sensitive column or function, as SQL writes them: `"app_public"."patients"` and `"given_name"`. */
async function makeWitness(): Promise<(sql: string) => boolean> {
  const { rows } = await db.superuser.query<{ relation: string; name: string }>(
    `select c.relname as relation, a.attname::text as name
     from pg_catalog.pg_description d
     join pg_catalog.pg_class c on c.oid = d.objoid
     join pg_catalog.pg_attribute a on a.attrelid = d.objoid and a.attnum = d.objsubid
     where d.classoid = 'pg_class'::regclass and d.description ~ '@sensitivity phi'
     union
     select 'patients', p.proname from pg_catalog.pg_description d join pg_catalog.pg_proc p on p.oid = d.objoid
     where d.classoid = 'pg_proc'::regclass and d.description ~ '@sensitivity phi'
     union
     select 'audit_logs', 'audit_logs'`,
  );
  return (sql) =>
    rows.some(({ relation, name }) => sql.includes(`"${relation}"`) && sql.includes(`"${name}"`));
}

async function ask(text: string): Promise<{ events: number; sql: string }> {
  statements.length = 0;
  const answer = await api.query(world.owner, text);
  expect(answer.errors).toBeUndefined();
  const sql = statements.join("\n");
  const { rows } = await db.superuser.query<{ events: number }>(
    "select count(*)::int as events from app_audit.events where request_id = $1 and command = 'SELECT'",
    [answer.headers.get("x-request-id")],
  );
  return { events: rows[0]?.events ?? 0, sql };
}

describe("every field of every list", () => {
  it("leaves exactly one event if its statement names a column of patient data, and none otherwise", async () => {
    const [lists, isSensitive] = [await readLists(), await makeWitness()];
    expect(lists.length).toBeGreaterThan(25);
    const wrong: string[] = [];
    let onRecord = 0;
    for (const { field, leaves } of lists) {
      const all = await ask(`{ ${field} { nodes { ${leaves.join(" ")} } } }`);
      // A table of which no field is sensitive is asked once, and must leave nothing.
      const asked = isSensitive(all.sql) || all.events > 0 ? leaves : [];
      if (all.events > 1) {
        wrong.push(`${field}: ${all.events} events for all fields at once`);
      }
      for (const leaf of asked) {
        const { events, sql } = await ask(`{ ${field} { nodes { ${leaf} } } }`);
        const expected = isSensitive(sql) ? 1 : 0;
        onRecord += expected;
        if (events !== expected) {
          wrong.push(`${field}.${leaf}: ${events} events instead of ${expected}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(onRecord).toBeGreaterThan(25);
  }, 240_000);
});
