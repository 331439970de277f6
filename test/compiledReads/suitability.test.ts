import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { type GraphqlAnswer, type GraphqlRequest, useGateway } from "../support/graphql.ts";
import { readOutcomes } from "./bothWays.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

/** The answer, and whether it was compiled. */
async function ask(
  query: string,
  request?: GraphqlRequest,
): Promise<GraphqlAnswer & { outcome: Record<string, number> }> {
  const before = await readOutcomes(api);
  const answer = await api.query(world.here.provider, query, request);
  const after = Object.entries(await readOutcomes(api));
  const changed = after.filter(([name, count]) => count !== (before[name] ?? 0));
  return {
    ...answer,
    outcome: Object.fromEntries(changed.map(([name, count]) => [name, count - (before[name] ?? 0)])),
  };
}

describe("a query", () => {
  it.each([
    [
      "one row by its id",
      "query ($id: UUID!) { patientByRowId(rowId: $id) { id givenName homeClinic { name } } }",
    ],
    [
      "a list with lists",
      "{ patients { nodes { familyName appointments(first: 2) { nodes { startsAt status } } } } }",
    ],
    [
      "edges with cursors and the page",
      "{ patients { edges { cursor node { mrn } } pageInfo { hasNextPage endCursor } } }",
    ],
    [
      "an order, a filter and a count",
      '{ patients(orderBy: [MRN_DESC], filter: { mrn: { startsWith: "M" } }) { totalCount nodes { mrn } } }',
    ],
    [
      "what comes behind a cursor",
      "query ($after: Cursor) { patients(first: 1, after: $after) { nodes { mrn } } }",
    ],
    ["a page from the end", "{ patients(last: 2) { nodes { mrn } pageInfo { hasPreviousPage } } }"],
    ["what a function makes of a row", "{ patients { nodes { fullName age } } }"],
    ["JSON", "{ organizations { nodes { settings } } }"],
    [
      "fragments and conditions",
      "{ patients { nodes { ...P @skip(if: false) } } } fragment P on Patient { ... on Node { id } }",
    ],
  ])("is compiled that asks for %s", async (_what, query) => {
    const { errors, outcome } = await ask(query, { variables: { id: world.here.patient.id } });
    expect({ errors, outcome }).toEqual({ errors: undefined, outcome: { compiled: 1 } });
  });

  it.each([
    ["a function of no row", '{ patients { nodes { mrn } } hasFeature(key: "integrations") }'],
    ["a range", "{ appointments { nodes { during { start { value } } } } }"],
    ["a page that is not shown", "{ patients { pageInfo { hasNextPage } } }"],
    ["the schema", "{ __schema { queryType { name } } patients { nodes { mrn } } }"],
    ["two lists of one connection", "{ patients { nodes { mrn } more: nodes { rowId } } }"],
  ])("is left to Grafast that asks for %s", async (_what, query) => {
    const { errors, outcome } = await ask(query);
    expect({ errors, outcome }).toEqual({ errors: undefined, outcome: { unsuitable: 1 } });
  });

  it("is compiled for a key that is one, and left to Grafast for one that is none", async () => {
    const query = "query One($id: ID!) { patient(id: $id) { mrn } }";
    const nodeId = Buffer.from(JSON.stringify(["Patient", world.here.patient.id])).toString("base64");
    expect(await ask(query, { variables: { id: nodeId } })).toMatchObject({
      data: { patient: { mrn: expect.stringMatching(/^MRN-/) } },
      outcome: { compiled: 1 },
    });
    for (const id of ["", "x", Buffer.from('["Clinic","x"]').toString("base64"), "WyJQYXRpZW50IiwxXQ=="]) {
      expect(await ask(query, { variables: { id } })).toMatchObject({ outcome: { unsuitable: 1 } });
    }
  });

  it("makes other statements of other pages, and the same of other keys", async () => {
    const query =
      "query Page($first: Int, $skip: Boolean!) { patients(first: $first) { nodes { rowId mrn @skip(if: $skip) } } }";
    const [one, two, three] = await Promise.all(
      [
        { first: 1, skip: false },
        { first: 2, skip: true },
        { first: 1, skip: true },
      ].map((variables) => api.query(world.owner, query, { variables })),
    );
    expect([one?.status, two?.status, three?.status]).toEqual([200, 200, 200]);
    const foreign = await ask("query ($id: UUID!) { patientByRowId(rowId: $id) { mrn } }", {
      variables: { id: world.abroad.patient.id },
    });
    expect(foreign).toMatchObject({ data: { patientByRowId: null }, outcome: { compiled: 1 } });
  });
});
