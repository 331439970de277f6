import { describe, expect, it, jest } from "@jest/globals";

import { useBothGateways } from "./bothGateways.ts";
import type { Person } from "./bothWays.ts";

jest.setTimeout(300_000);

const both = useBothGateways();
const provider = () => both.people[0] as Person;
const COMPILED = { difference: null, outcome: { compiled: 1 } };
const FAILED = { difference: null, outcome: { failed: 1 } };
const PLANNED = { difference: null, outcome: { unsuitable: 1 } };
const idOf = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString("base64");

const BY_VARIABLE = `query ($id: ID!) { node(id: $id) {
  id kind: __typename
  ... on Patient { mrn fullName homeClinic { name } appointments(first: 2) { nodes { startsAt } } }
  ... on Clinic { name timezone patients(last: 1) { totalCount } }
  ... on Node { again: id }
} }`;

describe("a node by its global id", () => {
  it("is compiled for whichever type it names, and the same where it is not the caller's to see", async () => {
    const { here, there, abroad, own, foreign } = both.world;
    const ids = [
      ...[here, there, abroad].flatMap(({ patient, clinic, appointment }) => [
        idOf("Patient", patient.id),
        idOf("Clinic", clinic.id),
        idOf("Appointment", appointment.id),
      ]),
      idOf("Organization", own),
      idOf("Organization", foreign),
      idOf("Patient", own),
    ];
    for (const person of both.people.slice(0, -1)) {
      for (const id of ids) {
        const document = { query: BY_VARIABLE, variables: { id } };
        const { data } = await both.planned.query(person.actor, document.query, {
          variables: document.variables,
          headers: person.headers,
        });
        const compared = await both.compare(person, document);
        const expected = data.node === null ? FAILED : COMPILED;
        expect({ person: person.name, id, ...compared }).toEqual({ person: person.name, id, ...expected });
      }
    }
    const id = idOf("Patient", here.patient.id);
    expect(await both.compare(provider(), { query: BY_VARIABLE, variables: { id } })).toEqual(COMPILED);
  });

  it("is compiled in the text, in a fragment, and beside others", async () => {
    const [patient, clinic] = [both.world.here.patient.id, both.world.here.clinic.id];
    const query = `query Again($id: ID!, $clinic: ID!) { ...Root other: node(id: $clinic) { ... on Clinic { name } }
      text: node(id: "${idOf("Patient", patient)}") { __typename ... on Clinic { name } } }
      fragment Root on Query { node(id: $id) { __typename ...Shown id } }
      fragment Shown on Patient { fullName age }`;
    for (const [variables, expected] of [
      [{ id: idOf("Patient", patient), clinic: idOf("Clinic", clinic) }, COMPILED],
      [{ id: idOf("Clinic", clinic), clinic: idOf("Patient", patient) }, COMPILED],
      [{ id: idOf("Patient", both.world.abroad.patient.id), clinic: idOf("Clinic", clinic) }, FAILED],
    ] as const) {
      expect(await both.compare(provider(), { query, variables })).toEqual(expected);
    }
  });

  it("is compiled where nothing of its type is asked for", async () => {
    const query = "query ($id: ID!) { node(id: $id) { ... on Clinic { name } } }";
    for (const { patient } of [both.world.here, both.world.abroad]) {
      const document = { query, variables: { id: idOf("Patient", patient.id) } };
      expect((await both.compare(provider(), document)).difference).toBeNull();
    }
  });

  it.each([
    "",
    "x",
    "query",
    idOf("query"),
    idOf("Query", "query"),
    idOf("Patient"),
    idOf("Patient", 1),
    idOf("Patient", "x"),
    idOf("Patient", "01748807-1681-7229-8251-a07ee61cbd94", 1),
    idOf("constructor", "01748807-1681-7229-8251-a07ee61cbd94"),
    idOf("__proto__", "01748807-1681-7229-8251-a07ee61cbd94"),
    idOf("String", "01748807-1681-7229-8251-a07ee61cbd94"),
    idOf("PatientConnection", "01748807-1681-7229-8251-a07ee61cbd94"),
    idOf(["Patient"], "01748807-1681-7229-8251-a07ee61cbd94"),
    Buffer.from("null").toString("base64"),
  ])("is left to Grafast that is no id of one: %s", async (id) => {
    const told = jest.spyOn(console, "warn").mockImplementation(() => undefined);
    expect(await both.compare(provider(), { query: BY_VARIABLE, variables: { id } })).toEqual(PLANNED);
    told.mockRestore();
  });
});

describe("a row by its global id", () => {
  it("is none where the id names another type, though it has the row's key", async () => {
    const query = "query ($id: ID!) { patient(id: $id) { mrn } }";
    const { id } = both.world.here.patient;
    const document = { query, variables: { id: idOf("Clinic", id) } };
    expect(await both.compare(provider(), document)).toEqual(PLANNED);
    expect(await both.compare(provider(), { query, variables: { id: idOf("Patient", id) } })).toEqual(
      COMPILED,
    );
  });
});

describe("how many rows there are", () => {
  it("is compiled alone, whoever asks, with what stands beside it", async () => {
    const query = `query ($more: Boolean!) { patients { totalCount } all: patients(includeArchived: true) { __typename totalCount }
      clinics(first: 3, filter: { patientsExist: true }) { nodes { name patients { totalCount } appointments(last: 1) { totalCount again: totalCount } } }
      none: appointments { totalCount @include(if: $more) } }`;
    for (const person of both.people.slice(0, -1)) {
      for (const more of [true, false]) {
        const compared = await both.compare(person, { query, variables: { more } });
        expect({ person: person.name, ...compared }).toEqual({ person: person.name, ...COMPILED });
      }
    }
  });

  it.each(["pageInfo { hasNextPage }", "pageInfo { endCursor }", "totalCount pageInfo { hasPreviousPage }"])(
    "is left to Grafast where a page is looked at: %s",
    async (fields) => {
      const document = { query: `{ patients { ${fields} } }`, variables: {} };
      expect(await both.compare(provider(), document)).toEqual(PLANNED);
    },
  );

  it("is refused the same where a cursor is none", async () => {
    const told = jest.spyOn(console, "error").mockImplementation(() => undefined);
    const document = { query: '{ patients(after: "x") { totalCount } }', variables: {} };
    expect(await both.compare(provider(), document)).toEqual(PLANNED);
    told.mockRestore();
  });
});
