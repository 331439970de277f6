import { describe, expect, it, jest } from "@jest/globals";

import type { TestDatabase } from "../support/database.ts";
import { useBothGateways } from "./bothGateways.ts";
import type { Person } from "./bothWays.ts";

jest.setTimeout(300_000);

/** What a function of a patient may give, and of what it may be made. */
const FUNCTIONS = `
  create function app_public.patients_note(patient app_public.patients) returns text
    language sql stable set search_path to '' return nullif(patient.address, 'line' || chr(10) || 'break' || chr(9) || 'tab');
  create function app_public.patients_is_odd(patient app_public.patients) returns boolean
    language sql stable set search_path to '' return nullif(patient.mrn < 'MRN-8', patient.address is null);
  create function app_public.patients_weight(patient app_public.patients) returns numeric
    language sql immutable set search_path to '' return length(patient.mrn) / 3.0;
  create function app_public.patients_huge(patient app_public.patients) returns bigint
    language sql immutable set search_path to '' return 9007199254740993;
  create function app_public.patients_first_day(patient app_public.patients) returns date
    language sql stable set search_path to '' return patient.death_date;
  create function app_public.patients_seen_last(patient app_public.patients) returns timestamptz
    language sql stable set search_path to '' return patient.death_date + time '01:02:03.4';
  create function app_public.patients_sex_again(patient app_public.patients) returns app_public.patient_sex
    language sql stable set search_path to '' return patient.sex;
  create function app_public.patients_surroundings(patient app_public.patients) returns text as $$
    begin
      return current_user || ' ' || session_user || ' ' || current_setting('search_path')
        || ' ' || current_setting('jwt.claims.user_id', true) || ' ' || current_setting('app.purpose_of_use', true);
    end $$ language plpgsql stable;
  create function app_public.patients_in_words(
    patient app_public.patients, before text, times integer, exact boolean, sex app_public.patient_sex, at timestamptz, weight numeric
  ) returns text language sql stable strict set search_path to ''
    return before || repeat(patient.given_name, times) || exact || sex || at || weight;
  create function app_public.patients_greeting(patient app_public.patients, word text default 'Dear') returns text
    language sql stable set search_path to '' return word || ' ' || patient.given_name;
  create function app_public.patients_fragile(patient app_public.patients) returns integer
    language sql stable set search_path to '' return 1 / length(nullif(patient.address, '</script> '''))::integer / (patient.address is null)::integer;
  create function app_public.clinics_strictly(clinic app_public.clinics) returns text as $$
    begin
      if clinic.id is null then
        raise exception 'Nothing.' using errcode = 'BADIN';
      end if;
      return clinic.name;
    end $$ language plpgsql stable;
  create function app_public.patients_dice(patient app_public.patients) returns integer
    language sql volatile set search_path to '' return 4;
  comment on function app_public.patients_dice is '@behavior +typeField +typeField:single -mutationField';
  comment on function app_public.patients_note is '@sensitivity phi';`;

async function addFunctions(db: TestDatabase): Promise<void> {
  await db.superuser.query(FUNCTIONS);
  await db.superuser.query("grant execute on all functions in schema app_public to app_user");
}

const both = useBothGateways(addFunctions);
const provider = () => both.people[0] as Person;
const COMPILED = { difference: null, outcome: { compiled: 1 } };
const words = (more: string) =>
  `inWords(before: "\\"", times: 2, exact: true, sex: FEMALE, ${more}, weight: "1.50")`;

describe("a function of a row", () => {
  it.each([
    "fullName",
    "age viewerCanUpdate viewerCanShare again: fullName",
    "note isOdd weight huge firstDay seenLast sexAgain",
    "surroundings",
    `${words('at: "2026-11-30T00:00:00Z"')}`,
  ])("is compiled to the same answer and record, whoever asks: %s", async (fields) => {
    const query = `{ patients(first: 50, includeArchived: true) { nodes { mrn ${fields}
      homeClinic { viewerCanBook viewerCanAdminister viewerCanReadRecords }
      appointments(first: 2) { nodes { canCancel canReschedule minutes patient { ${fields} } } } }
      pageInfo { hasNextPage } } }`;
    for (const person of both.people.slice(0, -1)) {
      const compared = await both.compare(person, { query, variables: {} });
      expect({ person: person.name, ...compared }).toEqual({ person: person.name, ...COMPILED });
    }
  });

  it("is compiled of one row, alone in it too", async () => {
    const query =
      "query ($id: UUID!) { patientByRowId(rowId: $id) { note } other: patientByRowId(rowId: $id) { isOdd fullName } }";
    for (const id of [both.world.here.patient.id, both.world.abroad.patient.id]) {
      expect(await both.compare(provider(), { query, variables: { id } })).toEqual(COMPILED);
    }
  });

  it("is compiled in a list where nothing else is asked for, in edges and in an order", async () => {
    const query = `{ patients(orderBy: [FAMILY_NAME_DESC, EXTERNAL_ID_ASC], first: 3, offset: 1) {
      edges { cursor node { note isOdd } } totalCount pageInfo { hasNextPage endCursor } } }`;
    expect(await both.compare(provider(), { query, variables: {} })).toEqual(COMPILED);
  });

  it("is given its arguments by each request", async () => {
    const query = `query ($at: Datetime!, $show: Boolean!) {
      patients(first: 3) { nodes { ${words("at: $at")} @include(if: $show) age } } }`;
    for (const variables of [
      { at: "2026-11-30T00:00:00Z", show: true },
      { at: "2026-11-30T12:00:00.5+01:00", show: true },
      { at: "2026-11-30T00:00:00Z", show: false },
    ]) {
      expect(await both.compare(provider(), { query, variables })).toEqual(COMPILED);
    }
  });

  it("has the same error where it fails for one row of many", async () => {
    const query = "{ patients(first: 50) { nodes { mrn fragile } } }";
    const { difference, outcome } = await both.compare(provider(), { query, variables: {} });
    expect({ difference, outcome }).toEqual({ difference: null, outcome: { failed: 1 } });
  });

  it("has the same error where it fails for a row that is missing, and none where there is each", async () => {
    const owner = both.people.find(({ name }) => name === "owner") as Person;
    for (const query of [
      "{ goals { nodes { name clinic { strictly } } } }",
      "{ goalProgresses { nodes { goal { clinic { name strictly } } } } }",
    ]) {
      expect(await both.compare(owner, { query, variables: {} })).toEqual({
        difference: null,
        outcome: { failed: 1 },
      });
    }
    for (const query of [
      "{ goals { nodes { name clinic { viewerCanBook } } } }",
      "{ patients { nodes { homeClinic { strictly } } } }",
      "{ goals { nodes { name clinic { patients { nodes { homeClinic { strictly } } } } } } }",
    ]) {
      expect(await both.compare(owner, { query, variables: {} })).toEqual(COMPILED);
    }
  });

  it("is refused the same where a column of its row may not be read", async () => {
    const document = { query: "{ patients { nodes { mrn fullName } } }", variables: {} };
    await both.db.superuser.query("revoke select (email) on app_public.patients from app_user");
    try {
      const { data, errors } = await both.compiled.query(provider().actor, document.query);
      expect({ data, code: errors?.[0]?.extensions?.code }).toEqual({
        data: { patients: null },
        code: "FORBIDDEN",
      });
      expect(await both.compare(provider(), document)).toEqual({
        difference: null,
        outcome: { failed: 1 },
      });
    } finally {
      await both.db.superuser.query("grant select (email) on app_public.patients to app_user");
    }
    expect(await both.compare(provider(), document)).toEqual(COMPILED);
  });

  it("is refused the same where it may not be called", async () => {
    const document = { query: "{ patients { nodes { mrn weight } } }", variables: {} };
    await both.db.superuser.query(
      "revoke execute on function app_public.patients_weight from app_user, public",
    );
    expect(await both.compare(provider(), document)).toEqual({ difference: null, outcome: { failed: 1 } });
    await both.db.superuser.query("grant execute on function app_public.patients_weight to app_user");
    expect(await both.compare(provider(), document)).toEqual(COMPILED);
  });

  it.each([
    ["may change something", "dice"],
    ["has an argument that is left out", "greeting"],
    ["has an argument that may be left out", 'greeting(word: "Hello")'],
    ["gives rows", "history(first: 1) { nodes { action } }"],
  ])("is left to Grafast that %s", async (_what, field) => {
    const query = `{ patients(first: 3) { nodes { mrn ${field} } } }`;
    expect(await both.compare(provider(), { query, variables: {} })).toEqual({
      difference: null,
      outcome: { unsuitable: 1 },
    });
  });
});
