import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

/** Asks as somebody who may read, and tells how it was refused. */
async function refusal(query: string, variables?: Record<string, unknown>) {
  const { status, errors, data } = await api.query(world.here.provider, query, { variables });
  expect(data).toBeUndefined();
  const [{ message = "", extensions = {} } = {}] = errors ?? [];
  const { code, argument } = extensions as { code?: string; argument?: string };
  return { status, code, argument, message };
}

/** Nested records, `levels` of them with the uuid at the end, each list written as a connection. */
function nested(levels: number): string {
  const open = Array.from({ length: levels - 1 }, (_, level) =>
    level % 2 === 0 ? "patients(first: 1) { nodes {" : "homeClinic {",
  );
  const closed = open.map((text) => (text.includes("nodes") ? "} }" : "}"));
  return `{ ${open.join(" ")} rowId ${closed.reverse().join(" ")} }`;
}

describe("a document", () => {
  it("can have six levels, however its lists are written", async () => {
    const { errors } = await api.query(world.here.provider, nested(6));
    expect(errors).toBeUndefined();
  });

  it.each([
    ["seven levels", nested(7), "6 levels"],
    [
      "16 aliases",
      `{ ${Array.from({ length: 16 }, (_, n) => `a${n}: __typename`).join(" ")} }`,
      "15 aliases",
    ],
    ["51 directives", `{ __typename ${"@skip(if: false) ".repeat(51)} }`, "50 directives"],
  ])("is refused with the limit: %s", async (_what, query, sentence) => {
    const { status, code, message } = await refusal(query);
    expect([status, code]).toEqual([400, "QUERY_TOO_COMPLEX"]);
    expect(message).toContain(sentence);
  });

  it.each([
    ["1,000 aliases", `{ ${Array.from({ length: 1000 }, (_, n) => `a${n}: __typename`).join(" ")} }`],
    ["1,000 times the same field", `{ ${"__typename ".repeat(1000)} }`],
    ["2,000 braces", `${"{ a ".repeat(2000)}${"}".repeat(2000)}`],
    ["fragments in a circle", "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"],
  ])("is refused: %s", async (_what, query) => {
    const { code, message } = await refusal(query);
    expect(code).toMatch(/BAD_QUERY|QUERY_TOO_COMPLEX/);
    expect(message).not.toMatch(/call stack/i);
  });
});

describe("a page", () => {
  it.each([
    ["first: 1000000000", "first"],
    ["first: 501", "first"],
    ["first: 0", "first"],
    ["first: -1", "first"],
    ["first: null", "first"],
    ["last: 501", "last"],
  ])("is refused with its bounds: %s", async (page, argument) => {
    expect(await refusal(`{ patients(${page}) { nodes { rowId } } }`)).toMatchObject({
      status: 400,
      code: "BAD_USER_INPUT",
      argument,
      message: `'${argument}' of 'patients' must be from 1 to 500; leave it out for 50.`,
    });
  });

  it("is refused in variables as in the document", async () => {
    const query = "query ($n: Int) { patients(first: $n) { nodes { rowId } } }";
    expect(await refusal(query, { n: 501 })).toMatchObject({ status: 400, argument: "first" });
    expect(await refusal(query, { n: null })).toMatchObject({ status: 400, argument: "first" });
    expect((await api.query(world.here.provider, query, { variables: { n: 1 } })).errors).toBeUndefined();
    expect((await api.query(world.here.provider, query)).errors).toBeUndefined();
  });

  it("is refused with both ends, and with an offset into the distance", async () => {
    expect(await refusal("{ patients(first: 1, last: 1) { nodes { rowId } } }")).toMatchObject({
      status: 400,
      argument: "last",
    });
    expect(await refusal("{ patients(offset: 2147483647) { nodes { rowId } } }")).toMatchObject({
      status: 400,
      argument: "offset",
    });
  });

  it("has 50 rows unless it is said", async () => {
    await db.superuser.query(
      `insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date)
       select $1, $2, 'page-' || n, 'A', 'B', '1990-01-01' from generate_series(1, 60) n`,
      [world.own, world.here.clinic.id],
    );
    const { data } = await api.query(
      world.here.provider,
      "{ patients { totalCount nodes { rowId } } last: patients(last: 3) { nodes { rowId } } }",
    );
    expect(data.patients.nodes).toHaveLength(50);
    expect(data.patients.totalCount).toBeGreaterThan(60);
    expect(data.last.nodes).toHaveLength(3);
  });
});

describe("an operation", () => {
  it("is refused with its cost when its pages multiply beyond the limit", async () => {
    const query = "{ patients(first: 500) { nodes { appointments(first: 500) { nodes { rowId } } } } }";
    const { status, code, message } = await refusal(query);
    expect([status, code]).toEqual([400, "QUERY_TOO_COMPLEX"]);
    expect(message).toMatch(/costs up to \d{6} points; at most 10000/);
  });

  it("is refused for long lists and patterns, with the place of the variable", async () => {
    const byIds = "query ($f: PatientFilter) { patients(filter: $f) { nodes { rowId } } }";
    const rowId = "0198c5d8-7d2e-7c1a-9f00-1f2e3d4c5b6a";
    expect(await refusal(byIds, { f: { rowId: { in: Array(101).fill(rowId) } } })).toMatchObject({
      status: 400,
      code: "BAD_USER_INPUT",
      argument: "f.rowId.in",
    });
    expect(await refusal(byIds, { f: { familyName: { like: "%".repeat(1000) } } })).toMatchObject({
      status: 400,
      argument: "f.familyName.like",
    });
    expect(
      await refusal(`{ patients(filter: { familyName: { like: "${"%".repeat(1000)}" } }) { totalCount } }`),
    ).toMatchObject({ status: 400, argument: "like" });
  });

  it("says which input is wrong", async () => {
    const query = "query ($f: PatientFilter) { patients(filter: $f) { totalCount } }";
    expect(await refusal(query, { f: { rowId: { equalTo: "Jane" } } })).toMatchObject({
      code: "BAD_USER_INPUT",
      argument: "f.rowId.equalTo",
    });
    expect(
      await refusal('{ patients(filter: { rowId: { equalTo: "Jane" } }) { totalCount } }'),
    ).toMatchObject({
      code: "BAD_QUERY",
      argument: "filter.rowId.equalTo",
    });
    expect(await refusal("query ($id: UUID!) { patientByRowId(rowId: $id) { rowId } }")).toMatchObject({
      code: "BAD_USER_INPUT",
      argument: "id",
    });
  });
});

describe("a share", () => {
  it("is told in every answer, and shrinks by what an operation costs", async () => {
    const remaining = async (query: string) => {
      const { headers } = await api.query(world.here.provider, query);
      expect(headers.get("ratelimit-limit")).toBe("200000");
      expect(Number(headers.get("ratelimit-reset"))).toBeGreaterThan(0);
      return Number(headers.get("ratelimit-remaining"));
    };
    const before = await remaining("{ __typename }");
    expect(await remaining("{ patients(first: 100) { nodes { rowId } } }")).toBe(before - 101);
  });
});
