import { readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";
import { buildSchema, getNamedType, isObjectType } from "graphql";

import { useBothGateways } from "./bothGateways.ts";
import { type Person, readOutcomes } from "./bothWays.ts";
import { DocumentWriter, type KnownRow } from "./DocumentWriter.ts";
import { Random } from "./Random.ts";

jest.setTimeout(600_000);

const DOCUMENTS = 120;
const SEED = 7;
/** Of the queries that are not refused. */
const LEAST_COMPILED = 0.85;

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
