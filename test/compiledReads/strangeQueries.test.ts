import { describe, expect, it, jest } from "@jest/globals";

import { useBothGateways } from "./bothGateways.ts";
import type { Person } from "./bothWays.ts";

jest.setTimeout(120_000);

const both = useBothGateways();
const provider = () => both.people[0] as Person;
const COMPILED = { difference: null, outcome: { compiled: 1 } };

describe("a query of which nothing is left", () => {
  it.each([
    "{ patients(first: 2) { edges { node @skip(if: true) { mrn } } } }",
    "{ patients(first: 2) { edges { cursor @skip(if: true) } totalCount } }",
    "{ patients(first: 2) { pageInfo { hasNextPage @skip(if: true) } nodes { mrn } } }",
    "{ patients(first: 2) { nodes { mrn } pageInfo { endCursor @include(if: false) } totalCount } }",
    "{ patients(first: 2) { pageInfo { hasNextPage @skip(if: true) } } }",
    "{ patients(first: 2) { nodes @skip(if: true) { mrn } } viewer { email @skip(if: true) } }",
    "{ viewer @skip(if: true) { email } }",
  ])("has the same answer: %s", async (query) => {
    expect(await both.compare(provider(), { query, variables: {} })).toEqual(COMPILED);
  });
});
