import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { joinOrganization } from "../../../src/access/world/people.ts";
import { type Actor, applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const database = useTestDatabase();
let world: World;
/** The patient of `here`, whose portal's user is `portal`. */
let patientId: string;
let otherId: string;

beforeAll(async () => {
  world = await createWorld(database.superuser);
  patientId = world.here.patient.id;
  otherId = world.there.patient.id;
});

interface Arranged {
  /** By which the lines of the report are told apart. */
  purpose: string;
  command?: string;
  table?: string;
  rowId?: string | null;
  fields?: string[];
  patients?: string[];
  organizationId?: string;
  changes?: object | null;
}

const INSERT = `insert into app_audit.events
    (organization_id, actor_role, command, table_name, row_id, changed_fields, patient_ids, changes, purpose_of_use)
  values ($1, 'app_worker', $2, $3, $4, $5, $6, $7, $8)`;

/** The purposes of those of these events that the report is about, by action, for somebody in a period. */
const reported = (
  events: Arranged[],
  { reader = world.portal as Actor, patient = patientId, from = "-infinity", to = "infinity" } = {},
) =>
  database.inTransaction(async (client) => {
    for (const event of events) {
      const { organizationId = world.own, command = "UPDATE", table = "app_public.patients" } = event;
      const { rowId = null, fields = [], patients = [], changes = null } = event;
      await client.query(INSERT, [
        ...[organizationId, command, table, rowId, fields, patients],
        ...[changes && JSON.stringify(changes), event.purpose],
      ]);
    }
    await applySettings(client, requestSettings(reader));
    const { rows } = await client.query<{ line: string }>(
      `select action || ' ' || purpose_of_use as line from app_public.patient_access_report($1, $2, $3)
       where purpose_of_use is not null order by 1`,
      [patient, from, to],
    );
    return rows.map(({ line }) => line);
  });

describe("the report on a patient", () => {
  it("tells what events of their organization name them, and nothing of another organization's", async () => {
    const read = { command: "SELECT", patients: [patientId] };
    expect(
      await reported([
        { ...read, purpose: "ours" },
        { ...read, purpose: "foreign", organizationId: world.foreign },
      ]),
    ).toEqual(["read ours"]);
  });

  it("is each organization's own for somebody who runs two", async () => {
    const { owner, own, foreign, abroad } = world;
    await joinOrganization(database.superuser, owner, foreign, "owner");
    const events = [
      { command: "SELECT", patients: [patientId], purpose: "ours", organizationId: own },
      { command: "SELECT", patients: [abroad.patient.id], purpose: "theirs", organizationId: foreign },
    ];
    expect(await reported(events, { reader: owner })).toEqual(["read ours"]);
    expect(await reported(events, { reader: owner, patient: abroad.patient.id })).toEqual(["read theirs"]);
  });

  it("keeps to the period at both of its ends", async () => {
    const events = [{ command: "SELECT", patients: [patientId], purpose: "now" }];
    const [past, future] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)].map((time) =>
      time.toISOString(),
    );
    expect(await reported(events, { from: past, to: future })).toEqual(["read now"]);
    expect(await reported(events, { from: "-infinity", to: past })).toEqual([]);
    expect(await reported(events, { from: future, to: "infinity" })).toEqual([]);
  });

  it("finds events from before they named patients by the patient's own row, and by nothing else", async () => {
    expect(
      await reported([
        { purpose: "own row", rowId: patientId },
        { purpose: "another patient's", rowId: otherId },
        { purpose: "another table's", rowId: patientId, table: "app_public.clinics" },
        { purpose: "of another", rowId: patientId, patients: [otherId] },
      ]),
    ).toEqual(["update own row"]);
  });

  it("tells an export with the patient in it and its downloads, and no more of exports", async () => {
    const [withThem, withOther, notExport] = [randomUUID(), randomUUID(), randomUUID()];
    const table = "app_public.export_requests";
    const download = { table, rowId: withThem, fields: ["downloaded_at"] };
    expect(
      await reported([
        { command: "SELECT", table, rowId: withThem, patients: [patientId], purpose: "with them" },
        { command: "SELECT", table, rowId: withOther, patients: [otherId], purpose: "with another" },
        { command: "SELECT", rowId: notExport, patients: [patientId], purpose: "of no export" },
        { ...download, purpose: "fetched" },
        { ...download, purpose: "of another", rowId: withOther },
        { ...download, purpose: "of none", rowId: notExport },
        { ...download, purpose: "in another table", table: "app_public.clinics" },
        { ...download, purpose: "progress", fields: ["status"] },
        { ...download, purpose: "looked at", command: "SELECT" },
      ]),
    ).toEqual(["download fetched", "export with them", "read of no export"]);
  });

  it("tells shares of the patient's sessions, and nothing else that names a session or what is none", async () => {
    const noSession = randomUUID();
    const of = (id: string) => ({ new: { care_session_id: id } });
    const share = { command: "INSERT", table: "app_public.resource_shares", rowId: randomUUID() };
    expect(
      await reported([
        { command: "SELECT", rowId: noSession, patients: [patientId], purpose: "of no session" },
        { ...share, changes: of(world.here.careSessionId), purpose: "shared" },
        { ...share, changes: of(world.there.careSessionId), purpose: "another's" },
        { ...share, changes: of(noSession), purpose: "of none" },
        { ...share, changes: of(world.here.careSessionId), purpose: "no share", table: "app_public.goals" },
      ]),
    ).toEqual(["insert shared", "read of no session"]);
  });
});
