import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";

import { describe, expect, it, jest } from "@jest/globals";
import {
  buildSchema,
  getNamedType,
  type GraphQLInputObjectType,
  isEnumType,
  isInputObjectType,
  parse,
  valueFromAST,
} from "graphql";

import { filterShape, withParameters } from "../../src/compiledReads/filterParameters.ts";
import { RequestValue } from "../../src/compiledReads/RequestValue.ts";
import { collectGarbage } from "../support/collectGarbage.ts";
import { useBothGateways } from "./bothGateways.ts";
import { type Person } from "./bothWays.ts";
import { Random } from "./Random.ts";

jest.setTimeout(600_000);

const both = useBothGateways();
const schema = buildSchema(readFileSync(join(import.meta.dirname, "../../schema.graphql"), "utf8"));
const COMPILED = { difference: null, outcome: { compiled: 1 } };
const OPERATORS = ["equalTo", "notEqualTo", "lessThan", "greaterThanOrEqualTo", "distinctFrom"];
const VALUES: Record<string, readonly unknown[]> = {
  UUID: ["01748807-1681-7229-8251-a07ee61cbd94", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
  String: ["A", "", 'Quote " and \\', "Z"],
  Int: [0, 5, 100_000],
  BigInt: ["0", "9007199254740993"],
  BigFloat: ["0.5", "100"],
  Date: ["1980-01-01", "2026-11-30"],
  Datetime: ["2020-01-01T00:00:00Z", "2026-11-30T12:30:00.5+02:00"],
  Boolean: [true, false],
};
const provider = () => both.people[0] as Person;
const compare = (query: string, variables: Record<string, unknown>) =>
  both.compare(provider(), { query, variables });

interface Comparison {
  list: string;
  column: string;
  operator: string;
  type: string;
  values: readonly unknown[];
}

/** Every column by which a list can be filtered, with one of the comparisons that it offers. */
const comparisons = Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap((field): Comparison[] => {
  const filter = getNamedType(field.args.find(({ name }) => name === "filter")?.type);
  const random = new Random(7);
  return isInputObjectType(filter) && !/audit/i.test(field.name)
    ? Object.values(filter.getFields()).flatMap((column) => {
        const operators = getNamedType(column.type);
        const offered = isInputObjectType(operators)
          ? OPERATORS.flatMap((name) => operators.getFields()[name] ?? [])
          : [];
        const operator = offered.length > 0 ? random.of(offered) : undefined;
        const type = getNamedType(operator?.type);
        const values = isEnumType(type) ? type.getValues().map(({ name }) => name) : VALUES[type?.name ?? ""];
        return operator && type && values
          ? [{ list: field.name, column: column.name, operator: operator.name, type: type.name, values }]
          : [];
      })
    : [];
});

describe("a list that is filtered by what a variable gives", () => {
  it("is the same compiled as planned, with one value after the other, in every list and by every column", async () => {
    expect(comparisons.length).toBeGreaterThan(150);
    for (const { list, column, operator, type, values } of comparisons) {
      const query = `query By($value: ${type}!) {
        ${list}(filter: { ${column}: { ${operator}: $value } }, first: 3) { totalCount nodes { rowId } }
      }`;
      for (const value of values) {
        const compared = await compare(query, { value });
        expect({ query, value, ...compared }).toMatchObject({ query, value, difference: null });
      }
    }
  });

  const WHOLE = `query Whole($filter: PatientFilter, $archived: Boolean!) {
    patients(filter: $filter, includeArchived: $archived) { totalCount nodes { mrn givenName } }
  }`;

  it("is compiled for each shape of a filter that is given whole, and heeds all that is in it", async () => {
    const filters = [
      { mrn: { greaterThan: "MRN-2" } },
      { mrn: { greaterThan: "MRN-5" } },
      { mrn: { greaterThan: "MRN-5", lessThanOrEqualTo: "MRN-9" } },
      { mrn: { lessThanOrEqualTo: "MRN-5", greaterThan: "MRN-0" } },
      { mrn: { startsWith: "MRN-1" } },
      { mrn: { startsWith: "MRN-2" } },
      { mrn: { in: ["MRN-1", "MRN-2"] } },
      { mrn: { in: ["MRN-1", "MRN-2", "MRN-3"] } },
      { externalId: { isNull: true } },
      { externalId: { isNull: false } },
      { or: [{ mrn: { equalTo: "MRN-1" } }, { not: { givenName: { equalTo: "A" } } }] },
      { or: [{ mrn: { equalTo: "MRN-2" } }, { not: { givenName: { equalTo: "Z" } } }] },
      { or: [{ mrn: { equalTo: "MRN-2" } }] },
      { birthDate: { lessThan: "1980-01-01" }, homeClinicId: { distinctFrom: both.world.here.clinic.id } },
      { birthDate: { lessThan: "2020-01-01" }, homeClinicId: { distinctFrom: both.world.there.clinic.id } },
    ];
    for (const filter of [...filters, ...filters.toReversed()]) {
      for (const archived of [true, false]) {
        expect({ filter, ...(await compare(WHOLE, { filter, archived })) }).toEqual({ filter, ...COMPILED });
      }
    }
    expect(await compare(WHOLE, { archived: true })).toEqual(COMPILED);
  });

  it.each([
    ["null", null],
    ["nothing", {}],
    ["nothing of a column", { mrn: {} }],
    ["null of a column", { mrn: { equalTo: null } }],
  ])(
    "is left to Grafast where the filter says %s, also when it was compiled before",
    async (_what, filter) => {
      expect(await compare(WHOLE, { filter: { mrn: { equalTo: "A" } }, archived: true })).toEqual(COMPILED);
      expect((await compare(WHOLE, { filter, archived: true })).difference).toBeNull();
    },
  );

  it("is filtered by each variable in its own place", async () => {
    const query = `query Two($a: String!, $b: String!, $c: String) {
      one: patients(filter: { mrn: { equalTo: $a } }) { nodes { mrn } }
      two: patients(filter: { mrn: { notEqualTo: $b } }) { totalCount nodes { mrn } }
      three: patients(filter: { and: [{ mrn: { greaterThan: $a, lessThan: $c } }, { givenName: { distinctFrom: $b } }] }) {
        totalCount
      }
    }`;
    for (const [a, b, c] of [
      ["MRN-1", "MRN-2", "MRN-9"],
      ["MRN-2", "MRN-1", "MRN-3"],
      ["MRN-2", "MRN-1"],
      ["MRN-1", "MRN-1", "MRN-2"],
    ]) {
      expect({ a, b, c, ...(await compare(query, { a, b, c })) }).toMatchObject({
        a,
        b,
        c,
        difference: null,
      });
    }
  });
});

describe("a filter's shape", () => {
  const type = schema.getType("PatientFilter") as GraphQLInputObjectType;
  const document = parse("query ($filter: PatientFilter) { patients(filter: $filter) { totalCount } }");
  const [operation] = document.definitions;
  const selected =
    operation?.kind === "OperationDefinition" ? operation.selectionSet.selections[0] : undefined;
  const node = selected?.kind === "Field" ? selected.arguments?.[0]?.value : undefined;
  const shapeOf = (filter: unknown) => {
    if (!node) {
      throw new Error("no filter");
    }
    return JSON.stringify(filterShape({ node, type }, { filter }));
  };

  it.each([
    [{ mrn: { equalTo: "A" } }, { mrn: { equalTo: "B" } }],
    [{ or: [{ mrn: { lessThan: "A" } }] }, { or: [{ mrn: { lessThan: "B" } }] }],
  ])("is the same for %j as for %j", (one, other) => {
    expect(shapeOf(one)).toBe(shapeOf(other));
  });

  it.each([
    [{ mrn: { equalTo: "A" } }, { mrn: { notEqualTo: "A" } }],
    [{ mrn: { equalTo: "A" } }, { givenName: { equalTo: "A" } }],
    [{ mrn: { equalTo: "A" } }, { mrn: { equalTo: null } }],
    [{ mrn: { startsWith: "A" } }, { mrn: { startsWith: "B" } }],
    [{ mrn: { in: ["A"] } }, { mrn: { in: ["A", "B"] } }],
    [{ mrn: { isNull: true } }, { mrn: { isNull: false } }],
    [{ or: [{ mrn: { lessThan: "A" } }] }, { and: [{ mrn: { lessThan: "A" } }] }],
    [{ mrn: { equalTo: "A" } }, undefined],
    [null, undefined],
  ])("is another for %j than for %j", (one, other) => {
    expect(shapeOf(one)).not.toBe(shapeOf(other));
  });

  it("has parameters that cannot become part of a text by mistake", () => {
    if (!node) {
      throw new Error("no filter");
    }
    const filter = { mrn: { equalTo: "A", startsWith: "B" } };
    const variables = { filter };
    const given = withParameters({ node, type }, valueFromAST(node, type, variables)) as {
      mrn: { equalTo: RequestValue; startsWith: string };
    };
    const { equalTo } = given.mrn;
    expect(equalTo).toBeInstanceOf(RequestValue);
    expect(given.mrn.startsWith).toBe("B");
    expect(equalTo.read(variables)).toBe("A");
    expect(equalTo.read({ filter: { mrn: { equalTo: "C" } } })).toBe("C");
    expect(() => equalTo.read({ filter: { mrn: { lessThan: "C" } } })).toThrow("another shape");
    expect(() => `${equalTo}`).toThrow("no parameter");
    expect(() => JSON.stringify(equalTo)).toThrow("no parameter");
  });

  it("keeps nothing that a request has compared with", async () => {
    if (!node) {
      throw new Error("no filter");
    }
    const given = withParameters({ node, type }, { mrn: { equalTo: "A" } }) as {
      mrn: { equalTo: RequestValue };
    };
    const read = (filter: object): WeakRef<object> => {
      given.mrn.equalTo.read({ filter });
      return new WeakRef(filter);
    };
    const sought = read({ mrn: { equalTo: "B" } });
    await nextTurn();
    collectGarbage();
    expect(sought.deref()).toBeUndefined();
    expect(given.mrn.equalTo).toBeInstanceOf(RequestValue);
  });
});
