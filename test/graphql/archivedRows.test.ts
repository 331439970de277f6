import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPatient, type Patient } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;
let archived: Patient;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  archived = await createPatient(db.superuser, world.here.clinic);
  await db.superuser.query("update app_public.patients set deleted_at = now() where id = $1", [archived.id]);
});

const read = async (query: string, variables = {}) => {
  const { data, errors } = await api.query(world.here.staff, query, { variables });
  expect(errors).toBeUndefined();
  return data;
};
const ids = ({ nodes }: { nodes: { rowId: string }[] }) => nodes.map(({ rowId }) => rowId);

describe("a list of a table with archived rows", () => {
  it("leaves them out unless they are asked for", async () => {
    const data = await read(
      `query ($all: Boolean!) {
         inUse: patients { nodes { rowId } }
         said: patients(includeArchived: false) { nodes { rowId } }
         all: patients(includeArchived: true) { nodes { rowId } }
         chosen: patients(includeArchived: $all) { nodes { rowId } }
       }`,
      { all: true },
    );
    expect(ids(data.inUse)).not.toContain(archived.id);
    expect(ids(data.said)).toEqual(ids(data.inUse));
    expect(ids(data.all).sort()).toEqual([...ids(data.inUse), archived.id].sort());
    expect(ids(data.chosen)).toEqual(ids(data.all));
  });

  it("counts, adds up and pages what it shows", async () => {
    const fields = `{
      totalCount
      aggregates { distinctCount { rowId } }
      groupedAggregates(groupBy: [HOME_CLINIC_ID]) { distinctCount { rowId } }
      pageInfo { hasNextPage }
    }`;
    const { inUse, all } = await read(
      `{ inUse: patients(first: 2) ${fields} all: patients(first: 2, includeArchived: true) ${fields} }`,
    );
    expect([inUse.totalCount, all.totalCount].map(Number)).toEqual([2, 3]);
    expect([inUse, all].map(({ aggregates }) => Number(aggregates.distinctCount.rowId))).toEqual([2, 3]);
    const grouped = [inUse, all].map(({ groupedAggregates }) =>
      groupedAggregates.map((group: { distinctCount: { rowId: string } }) =>
        Number(group.distinctCount.rowId),
      ),
    );
    expect(grouped.map((counts) => counts.sort())).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect([inUse, all].map(({ pageInfo }) => pageInfo.hasNextPage)).toEqual([false, true]);
  });

  it("does so together with a filter and an order", async () => {
    const query = (archivedToo: boolean) => `{
      patients(
        includeArchived: ${archivedToo}
        filter: { rowId: { in: ["${archived.id}", "${world.here.patient.id}"] } }
        orderBy: [PRIMARY_KEY_ASC]
      ) { nodes { rowId deletedAt } totalCount }
    }`;
    expect(ids((await read(query(false))).patients)).toEqual([world.here.patient.id]);
    expect(ids((await read(query(true))).patients)).toEqual([world.here.patient.id, archived.id].sort());
  });

  it("does so where it is a relation", async () => {
    const query = `query ($id: UUID!) {
      clinicByRowId(rowId: $id) {
        inUse: patients { nodes { rowId } totalCount }
        all: patients(includeArchived: true) { nodes { rowId } totalCount }
      }
    }`;
    const { clinicByRowId: clinic } = await read(query, { id: world.here.clinic.id });
    expect(ids(clinic.inUse)).not.toContain(archived.id);
    expect(ids(clinic.all)).toContain(archived.id);
    expect(Number(clinic.all.totalCount)).toBe(Number(clinic.inUse.totalCount) + 1);
  });
});

describe("an archived row", () => {
  it("is found by its id, with what refers to it intact", async () => {
    const data = await read("query ($id: UUID!) { patientByRowId(rowId: $id) { rowId deletedAt } }", {
      id: archived.id,
    });
    expect(data.patientByRowId).toEqual({ rowId: archived.id, deletedAt: expect.any(String) });
  });

  it("is made and unmade by mutations, and stays within its tenant", async () => {
    const call = (name: string, patientId: string) =>
      api.query(
        world.here.staff,
        `mutation ($id: UUID!) { ${name}(input: { patientId: $id }) { result { deletedAt } } }`,
        { variables: { id: patientId } },
      );
    expect((await call("restorePatient", archived.id)).data.restorePatient.result.deletedAt).toBeNull();
    expect(ids((await read("{ patients { nodes { rowId } } }")).patients)).toContain(archived.id);
    expect((await call("archivePatient", archived.id)).data.archivePatient.result.deletedAt).not.toBeNull();
    expect((await call("archivePatient", world.abroad.patient.id)).errors?.[0]?.extensions?.code).toBe(
      "NOT_FOUND",
    );
    const foreign = await api.query(
      world.abroad.staff,
      "{ patients(includeArchived: true) { nodes { rowId } } }",
    );
    expect(ids(foreign.data.patients)).toEqual([world.abroad.patient.id]);
  });
});
