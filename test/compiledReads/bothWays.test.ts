import { readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";
import { buildSchema, getNamedType, type GraphQLEnumType, isObjectType } from "graphql";

import { AWKWARD, useBothGateways } from "./bothGateways.ts";
import { type Person, readOutcomes } from "./bothWays.ts";
import { DocumentWriter, type KnownRow } from "./DocumentWriter.ts";
import { Random } from "./Random.ts";

jest.setTimeout(600_000);

const DOCUMENTS = 120;
const SEED = 7;
/** Of the queries that are not refused. */
const LEAST_COMPILED = 0.6;

const both = useBothGateways();
const { db, compiled, planned } = both;
const schema = buildSchema(readFileSync(join(import.meta.dirname, "../../schema.graphql"), "utf8"));

const rows = new Map<string, KnownRow[]>();

beforeAll(findRows, 120_000);

/** Ids of rows of every type that has a list, as some of the people see them. */
async function findRows(): Promise<void> {
  const lists = Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap((field) => {
    const type = getNamedType(field.type);
    const row = isObjectType(type) ? getNamedType(type.getFields().nodes?.type) : undefined;
    return isObjectType(row) && row.getFields().rowId && row.getFields().id
      ? [{ field: field.name, row: row.name }]
      : [];
  });
  for (const person of both.people.slice(0, 7)) {
    for (const { field, row } of lists) {
      const answer = await planned.query(
        person.actor,
        `{ list: ${field}(first: 3) { nodes { id rowId } } }`,
        {
          headers: person.headers,
        },
      );
      rows.set(row, [...(rows.get(row) ?? []), ...(answer.data?.list?.nodes ?? [])]);
    }
  }
}

describe("a query that is written at random", () => {
  it("has the same answer and leaves the same record compiled as planned, whoever asks", async () => {
    const random = new Random(SEED);
    const writer = new DocumentWriter(
      schema,
      random,
      new Map([...rows].filter(([, known]) => known.length > 0)),
    );
    const differences: object[] = [];
    for (let index = 0; index < DOCUMENTS; index++) {
      const document = writer.write();
      for (const person of [random.of(both.people), random.of(both.people.slice(0, 7))]) {
        const difference = await both.difference(person, document);
        if (difference) {
          differences.push({ index, person: person.name, document, ...difference });
        }
      }
    }
    expect(differences).toEqual([]);
    const { compiled: count = 0, unsuitable = 0, failed = 0 } = await readOutcomes(compiled);
    const share = count / (count + unsuitable + failed);
    expect({ share, isEnough: share >= LEAST_COMPILED }).toMatchObject({ isEnough: true });
    expect(await readOutcomes(planned)).toEqual({});
  });
});

const pageOf = (list: string, orderBy: string) =>
  `query ($after: Cursor, $first: Int = 2) { list: ${list}(first: $first, after: $after, ${orderBy}) {
    edges { cursor node { rowId } } totalCount pageInfo { hasNextPage hasPreviousPage endCursor } } }`;

describe("a page behind a cursor", () => {
  const ORDERS = 2;
  /** Of each list in some orders, one and two values long: what it is asked, by a cursor in a variable. */
  const pages = Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap((field) => {
    const order = field.args.find(({ name }) => name === "orderBy");
    const members = order ? (getNamedType(order.type) as GraphQLEnumType).getValues() : [];
    const random = new Random(SEED);
    const orders = [[], ...Array.from({ length: ORDERS }, () => random.some(members, 2))];
    const isList = field.args.some(({ name }) => name === "after") && !/audit/i.test(field.name);
    return isList
      ? orders.map((each) => {
          const orderBy = `orderBy: [${each.map(({ name }) => name).join(", ")}]`;
          return pageOf(field.name, orderBy);
        })
      : [];
  });

  it("is the same compiled as planned, in every list and in many orders", async () => {
    const person = both.people[0] as Person;
    const before = await readOutcomes(compiled);
    let asked = 0;
    for (const query of pages) {
      const { data } = await planned.query(person.actor, query, { headers: person.headers });
      const cursors: string[] = (data?.list?.edges ?? []).map((edge: { cursor: string }) => edge.cursor);
      for (const after of cursors) {
        const document = { query, variables: { after } };
        const difference = await both.difference(person, document);
        expect({ query, after, difference }).toMatchObject({ difference: null });
        asked++;
      }
    }
    expect(asked).toBeGreaterThan(pages.length);
    const { compiled: count = 0 } = await readOutcomes(compiled);
    expect(count - (before.compiled ?? 0)).toBeGreaterThan(LEAST_COMPILED * asked);
  });

  it.each([
    "EXTERNAL_ID_ASC",
    "EXTERNAL_ID_DESC",
    "EXTERNAL_ID_DESC, MRN_ASC",
    "ORGANIZATION_ID_DESC, EXTERNAL_ID_ASC",
  ])(
    "is the same behind each row of a list that is ordered by %s, which some have and some have not",
    async (order) => {
      const person = both.people[0] as Person;
      const query = pageOf("patients", `orderBy: [${order}]`);
      const { data } = await planned.query(person.actor, query, {
        variables: { first: 50 },
        headers: person.headers,
      });
      expect(data.list.edges.length).toBeGreaterThan(AWKWARD.length + 1);
      for (const { cursor } of data.list.edges) {
        const document = { query, variables: { after: cursor } };
        const difference = await both.difference(person, document);
        expect({ cursor, difference }).toEqual({ cursor, difference: null });
      }
    },
  );

  it("is the same in a list of each row, in the text, and with an offset", async () => {
    const person = both.people[0] as Person;
    const { data } = await planned.query(
      person.actor,
      "{ patients { nodes { appointments(first: 1) { edges { cursor } } } } }",
      { headers: person.headers },
    );
    const [cursor] = data.patients.nodes.flatMap(
      ({ appointments }: { appointments: { edges: { cursor: string }[] } }) => appointments.edges,
    );
    const inner = `appointments(first: 3, offset: 1, after: "${cursor.cursor}") { nodes { startsAt } pageInfo { hasPreviousPage } }`;
    const document = { query: `{ patients { nodes { mrn ${inner} } } }`, variables: {} };
    expect(await both.difference(person, document)).toBeNull();
  });

  it.each(["", "x", "W10=", "WyJuYXR1cmFsIiwxXQ==", "WyIwMTIzNDU2Nzg5IiwieCJd", "bnVsbA=="])(
    "is refused in the same words when the cursor is %j",
    async (after) => {
      // Grafast's own line about it.
      const told = jest.spyOn(console, "error").mockImplementation(() => undefined);
      const query = "query ($after: Cursor) { patients(after: $after) { nodes { mrn } } }";
      const request = { person: both.people[0] as Person, document: { query, variables: { after } } };
      expect(await both.difference(request.person, request.document)).toBeNull();
      told.mockRestore();
    },
  );
});

describe("a query that has to wait for too long", () => {
  it("fails in the same way compiled as planned", async () => {
    const [person] = both.people;
    const document = { query: "query Late { late: appointments { nodes { reason } } }", variables: {} };
    const { failed: before = 0 } = await readOutcomes(compiled);
    const client = await db.superuser.connect();
    try {
      await client.query("begin; lock table app_public.appointments in access exclusive mode");
      const request = { person: person as Person, document };
      expect(await both.difference(request.person, request.document)).toBeNull();
    } finally {
      await client.query("rollback");
      client.release();
    }
    expect((await readOutcomes(compiled)).failed).toBe(before + 1);
  });
});
