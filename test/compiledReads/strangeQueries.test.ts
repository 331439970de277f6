import { describe, expect, it, jest } from "@jest/globals";

import { useBothGateways } from "./bothGateways.ts";
import type { Person } from "./bothWays.ts";

jest.setTimeout(120_000);

const both = useBothGateways();
const provider = () => both.people[0] as Person;
const COMPILED = { difference: null, outcome: { compiled: 1 } };
const PLANNED = { difference: null, outcome: { unsuitable: 1 } };
/** Asks the gateway that compiles. */
const ask = (query: string, variables: Record<string, unknown>) =>
  both.compiled.query(provider().actor, query, { variables, headers: provider().headers });

describe("a query of which nothing is left", () => {
  it.each([
    "{ patients(first: 2) { edges { node @skip(if: true) { mrn } } } }",
    "{ patients(first: 2) { edges { cursor @skip(if: true) } totalCount } }",
    "{ patients(first: 2) { pageInfo { hasNextPage @skip(if: true) } nodes { mrn } } }",
    "{ patients(first: 2) { nodes { mrn } pageInfo { endCursor @include(if: false) } totalCount } }",
    "{ patients(first: 2) { pageInfo { hasNextPage @skip(if: true) } } }",
    "{ patients(first: 2) { nodes @skip(if: true) { mrn } } viewer { email @skip(if: true) } }",
  ])("has the same answer: %s", async (query) => {
    expect(await both.compare(provider(), { query, variables: {} })).toEqual(COMPILED);
  });

  it.each(["{ viewer @skip(if: true) { email } }", "{ __typename }"])(
    "does not ask the database: %s",
    async (query) => {
      expect(await both.compare(provider(), { query, variables: {} })).toEqual(PLANNED);
    },
  );
});

describe("a query that shows patients in more places than a function has arguments", () => {
  it("has the same answer, and the same record", async () => {
    const { id } = both.world.here.patient;
    const rows = Array.from(
      { length: 101 },
      (_, index) => `p${index}: patientByRowId(rowId: "${id}") { mrn }`,
    );
    const query = `{ ${rows.join(" ")} }`;
    expect(await both.compare(provider(), { query, variables: {} })).toEqual(COMPILED);
  });
});

describe("a filter", () => {
  const query = "query ($filter: PatientFilter) { patients(first: 1, filter: $filter) { nodes { mrn } } }";

  it.each([null, {}, { mrn: null }, { and: [{}] }])(
    "that says nothing is refused in both ways, and the client is told: %j",
    async (filter) => {
      expect(await both.compare(provider(), { query, variables: { filter } })).toEqual(PLANNED);
      const { errors } = await ask(query, { filter });
      expect(errors?.[0]).toMatchObject({
        message: expect.stringMatching(/are forbidden in filter argument input\.$/),
        extensions: { code: "BAD_USER_INPUT", argument: "filter" },
      });
    },
  );

  it("that is left out is none", async () => {
    expect(await both.compare(provider(), { query, variables: {} })).toEqual(COMPILED);
  });
});

describe("an order that is null", () => {
  const query =
    "query ($order: [PatientOrderBy!]) { patients(first: 50, orderBy: $order) { edges { cursor node { mrn } } } }";

  it("is not the one that stands for an order that is left out, whichever is asked for first", async () => {
    for (const text of [query, `${query} `]) {
      const asked: Record<string, unknown>[] = [{}, { order: null }];
      for (const variables of text === query ? asked : asked.reverse()) {
        expect(await both.compare(provider(), { query: text, variables })).toEqual(COMPILED);
      }
    }
  });
});

describe("null where a value must stand, as a variable with a default value can be", () => {
  it.each([
    "query ($order: PatientOrderBy = MRN_ASC) { patients(first: 1, orderBy: [$order]) { nodes { mrn } } }",
    "fragment F on Query { patients(first: 1, orderBy: [$order]) { nodes { mrn } } } query ($order: PatientOrderBy = MRN_ASC) { ...F }",
  ])(
    "is refused in the same words before and after the document was asked with a value: %s",
    async (query) => {
      const wrong = { query, variables: { order: null } };
      const refused = { errors: [{ extensions: { code: "BAD_USER_INPUT" } }] };
      expect(await both.difference(provider(), wrong)).toBeNull();
      expect(await ask(query, wrong.variables)).toMatchObject(refused);
      expect(await both.compare(provider(), { query, variables: {} })).toEqual(COMPILED);
      expect(await both.difference(provider(), wrong)).toBeNull();
      expect(await ask(query, wrong.variables)).toMatchObject(refused);
    },
  );
});

describe("a variable that is named as what every object has", () => {
  it.each(["constructor", "toString", "__proto__"])("is left to Grafast, given or not: %s", async (name) => {
    for (const query of [
      `query ($${name}: Cursor) { patients(after: $${name}) { nodes { mrn } } }`,
      `query ($${name}: Int) { patients(first: $${name}) { nodes { mrn } } }`,
    ]) {
      for (const text of ["{}", `{ "${name}": 1 }`, `{ "${name}": "no cursor" }`]) {
        const variables = JSON.parse(text) as Record<string, unknown>;
        const { difference, outcome } = await both.compare(provider(), { query, variables });
        expect({ query, text, difference }).toEqual({ query, text, difference: null });
        expect(outcome).not.toHaveProperty("compiled");
      }
    }
  });
});
