import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, jest } from "@jest/globals";
import { buildSchema, getNamedType, type GraphQLEnumType } from "graphql";

import { AWKWARD, useBothGateways } from "./bothGateways.ts";
import { type Person, readOutcomes } from "./bothWays.ts";
import { Random } from "./Random.ts";

jest.setTimeout(600_000);

const SEED = 7;
const ORDERS = 2;
/** Some orders have values that are no texts. */
const LEAST_COMPILED = 0.85;
const ASKING = new Set(["owner", "portal", "another tenant's provider"]);
const both = useBothGateways();
const { compiled, planned } = both;
const schema = buildSchema(readFileSync(join(import.meta.dirname, "../../schema.graphql"), "utf8"));
const COMPILED = { difference: null, outcome: { compiled: 1 } };
const provider = () => both.people[0] as Person;

type End = "first" | "last";
interface List {
  name: string;
  orderBy: string;
}

/** A page of a list, from its beginning or its end, between cursors if they are given. */
const pageOf = ({ name, orderBy }: List, end: End) =>
  `query ($after: Cursor, $before: Cursor, $size: Int = 2) {
    list: ${name}(${end}: $size, after: $after, before: $before, orderBy: [${orderBy}]) {
      edges { cursor node { rowId } } totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;

/** Every list in some orders, one and two values long. */
const lists = Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap((field): List[] => {
  const order = field.args.find(({ name }) => name === "orderBy");
  const members = order ? (getNamedType(order.type) as GraphQLEnumType).getValues() : [];
  const random = new Random(SEED);
  const orders = [[], ...Array.from({ length: ORDERS }, () => random.some(members, 2))];
  return order && !/audit/i.test(field.name)
    ? orders.map((each) => ({ name: field.name, orderBy: each.map(({ name }) => name).join(", ") }))
    : [];
});

/** What pages there are around a row: behind it, in front of it, from either end. */
const AROUND: readonly (readonly [end: End, side: "after" | "before"])[] = [
  ["first", "after"],
  ["last", "before"],
  ["first", "before"],
  ["last", "after"],
];

async function cursorsOf(list: List, size?: number): Promise<string[]> {
  const { data } = await planned.query(provider().actor, pageOf(list, "first"), {
    variables: size ? { size } : {},
    headers: provider().headers,
  });
  return (data?.list?.edges ?? []).map((edge: { cursor: string }) => edge.cursor);
}

describe("a page around a row", () => {
  it("is the same compiled as planned, in every list and in many orders", async () => {
    const before = await readOutcomes(compiled);
    let asked = 0;
    for (const list of lists) {
      for (const cursor of await cursorsOf(list)) {
        for (const [end, side] of AROUND) {
          const document = { query: pageOf(list, end), variables: { [side]: cursor } };
          const difference = await both.difference(provider(), document);
          expect({ document, difference }).toEqual({ document, difference: null });
          asked++;
        }
      }
    }
    expect(asked).toBeGreaterThan(AROUND.length * lists.length);
    const { compiled: count = 0 } = await readOutcomes(compiled);
    expect((count - (before.compiled ?? 0)) / asked).toBeGreaterThan(LEAST_COMPILED);
  });

  it("is the same from the end of every list, whoever asks", async () => {
    for (const person of both.people.filter(({ name }) => ASKING.has(name))) {
      for (const list of lists.filter(({ orderBy }) => orderBy === "")) {
        const document = { query: pageOf(list, "last"), variables: {} };
        const difference = await both.difference(person, document);
        expect({ person: person.name, document, difference }).toMatchObject({ difference: null });
      }
    }
  });

  it.each([
    "EXTERNAL_ID_ASC",
    "EXTERNAL_ID_DESC",
    "EXTERNAL_ID_DESC, MRN_ASC",
    "ORGANIZATION_ID_DESC, EXTERNAL_ID_ASC",
  ])(
    "is the same around each row of a list that is ordered by %s, which some have and some have not",
    async (orderBy) => {
      const list = { name: "patients", orderBy };
      const cursors = await cursorsOf(list, 50);
      expect(cursors.length).toBeGreaterThan(AWKWARD.length + 1);
      for (const cursor of cursors) {
        for (const [end, side] of AROUND) {
          const document = { query: pageOf(list, end), variables: { [side]: cursor } };
          expect({ cursor, ...(await both.compare(provider(), document)) }).toEqual({ cursor, ...COMPILED });
        }
      }
    },
  );

  it("is the same between two rows, whichever comes first, and as long as the list or longer", async () => {
    const list = { name: "patients", orderBy: "MRN_DESC" };
    const cursors = await cursorsOf(list, 50);
    const random = new Random(SEED);
    for (const end of ["first", "last"] as const) {
      for (let size = 1; size <= cursors.length + 1; size++) {
        const variables = { after: random.of(cursors), before: random.of(cursors), size };
        expect(await both.compare(provider(), { query: pageOf(list, end), variables })).toEqual(COMPILED);
        const whole = { query: pageOf(list, end), variables: { size } };
        expect(await both.compare(provider(), whole)).toEqual(COMPILED);
      }
    }
  });

  it("reaches every row once, backwards as forwards", async () => {
    const list = { name: "patients", orderBy: "EXTERNAL_ID_ASC" };
    const expected = await cursorsOf(list, 50);
    const found: string[] = [];
    let before: string | undefined;
    for (;;) {
      const { data } = await compiled.query(provider().actor, pageOf(list, "last"), {
        variables: { before },
        headers: provider().headers,
      });
      const { edges, pageInfo } = data.list;
      found.unshift(...edges.map(({ cursor }: { cursor: string }) => cursor));
      before = pageInfo.startCursor;
      if (!pageInfo.hasPreviousPage) {
        break;
      }
    }
    expect(found).toEqual(expected);
  });

  it.each(["first: 3, offset: 1, after", "first: 3, before", "last: 1, before", "last: 1, after"])(
    "is the same in a list of each row, in the text: %s",
    async (page) => {
      const { data } = await planned.query(
        provider().actor,
        "{ patients { nodes { appointments(first: 2) { edges { cursor } } } } }",
        { headers: provider().headers },
      );
      const cursor = data.patients.nodes
        .flatMap(({ appointments }: { appointments: { edges: { cursor: string }[] } }) => appointments.edges)
        .at(-1).cursor;
      const inner = `appointments(${page}: "${cursor}") { nodes { startsAt patient { fullName } } pageInfo { hasPreviousPage } }`;
      const document = { query: `{ patients(last: 20) { nodes { mrn ${inner} } } }`, variables: {} };
      expect(await both.compare(provider(), document)).toEqual(COMPILED);
    },
  );

  it.each(["last: 2, offset: 1", "last: 2, offset: 0"])(
    "is left to Grafast, which refuses it: %s",
    async (page) => {
      const document = { query: `{ patients(${page}) { nodes { mrn } } }`, variables: {} };
      expect(await both.compare(provider(), document)).toEqual({
        difference: null,
        outcome: { unsuitable: 1 },
      });
    },
  );

  it.each(["", "x", "W10=", "WyJuYXR1cmFsIiwxXQ==", "WyIwMTIzNDU2Nzg5IiwieCJd", "bnVsbA=="])(
    "is refused in the same words when a cursor is %j",
    async (cursor) => {
      // Grafast's own line about it.
      const told = jest.spyOn(console, "error").mockImplementation(() => undefined);
      const list = { name: "patients", orderBy: "" };
      for (const [end, side] of AROUND) {
        const document = { query: pageOf(list, end), variables: { [side]: cursor } };
        expect(await both.difference(provider(), document)).toBeNull();
      }
      told.mockRestore();
    },
  );
});
