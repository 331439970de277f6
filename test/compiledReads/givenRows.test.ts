import { describe, expect, it, jest } from "@jest/globals";

import type { TestDatabase } from "../support/database.ts";
import { useBothGateways } from "./bothGateways.ts";
import type { Person } from "./bothWays.ts";

jest.setTimeout(300_000);

const FUNCTIONS = `
  create function app_public.patients_words(patient app_public.patients) returns setof text
    language sql stable set search_path to ''
    return unnest(array[patient.family_name, null, patient.address, 'b', 'a']);
  comment on function app_public.patients_words is E'@listSuffix omit\\n@behavior -typeField:resource:connection +typeField:resource:list';
  create function app_public.patients_secrets(patient app_public.patients) returns setof text
    language sql stable set search_path to '' return unnest(array[patient.address]);
  comment on function app_public.patients_secrets is E'@listSuffix omit\\n@sensitivity phi\\n@behavior -typeField:resource:connection +typeField:resource:list';
  create function app_public.patients_moments(patient app_public.patients) returns setof timestamptz
    language sql stable set search_path to ''
    return unnest(array[patient.death_date + time '01:02:03', null, 'infinity']::timestamptz[]);
  comment on function app_public.patients_moments is E'@listSuffix omit\\n@behavior -typeField:resource:connection +typeField:resource:list';
  create function app_public.patients_rolls(patient app_public.patients) returns setof integer
    language sql volatile set search_path to '' return unnest(array[4, 4]);
  comment on function app_public.patients_rolls is E'@listSuffix omit\\n@behavior +typeField -mutationField -typeField:resource:connection +typeField:resource:list';
  create function app_public.every_patient() returns setof app_public.patients
    language sql stable set search_path to '' as 'select p.* from app_public.patients p order by p.mrn desc';
  create function app_public.last_patient() returns app_public.patients
    language sql stable set search_path to '' as 'select p from app_public.patients p order by p.mrn desc limit 1';
  create function app_public.somebody_else() returns app_public.clinics
    language sql stable set search_path to '' as 'select null::app_public.clinics';
  create function app_public.clinics_backwards() returns setof app_public.clinics
    language sql stable set search_path to '' as 'select c.* from app_public.clinics c order by c.name desc, c.id desc';
  create function app_public.clinics_named(name text) returns setof app_public.clinics
    language sql stable set search_path to '' as 'select c.* from app_public.clinics c where c.name = clinics_named.name';
  create function app_public.any_clinic() returns app_public.clinics
    language sql volatile set search_path to '' as 'select c from app_public.clinics c order by c.id limit 1';
  comment on function app_public.any_clinic is '@behavior +queryField -mutationField';
  create function app_public.bare_clinic() returns app_public.clinics language plpgsql stable set search_path to ''
    as $$ declare c app_public.clinics; begin select * into c from app_public.clinics limit 1; c.id := null; c.name := null; return c; end $$;
  create function app_public.holey_clinics() returns setof app_public.clinics language plpgsql stable set search_path to ''
    as $$ begin return query select * from app_public.clinics; return next null::app_public.clinics; end $$;
  grant execute on all functions in schema app_public to app_user;`;

const both = useBothGateways(async (db: TestDatabase) => {
  await db.superuser.query(FUNCTIONS);
});
const provider = () => both.people[0] as Person;
const COMPILED = { difference: null, outcome: { compiled: 1 } };
const PLANNED = { difference: null, outcome: { unsuitable: 1 } };

describe("rows and values that a function gives", () => {
  it.each([
    "{ viewer { id rowId email features organizationMemberships { nodes { role organization { rowId name } } } } }",
    "{ viewer { profile { displayName } isSuperadmin organizationMemberships(last: 1) { nodes { role } totalCount } } }",
    "{ myClinics { nodes { rowId name viewerCanBook viewerCanReadRecords openingHours patients(first: 1) { nodes { fullName } } } } }",
    "{ myClinics(first: 1) { totalCount nodes { name } pageInfo { hasNextPage hasPreviousPage } } }",
    "{ myClinics(first: 1, offset: 1) { edges { node { name } } pageInfo { hasNextPage hasPreviousPage } } }",
    "{ currentSessionTemplates(first: 3) { nodes { name version body } totalCount } }",
    "{ clinicsBackwards(first: 2) { nodes { name createdAt } pageInfo { hasNextPage } } myClinics { totalCount } }",
    "{ everyPatient(first: 4, offset: 1) { nodes { mrn fullName words } totalCount pageInfo { hasNextPage } } }",
    "{ everyPatient(first: 40, includeArchived: true) { nodes { fullName homeClinic { name } } } lastPatient { fullName age mrn } }",
    "{ somebodyElse { name viewerCanBook patients { totalCount } } }",
    "{ patients(first: 20) { nodes { mrn words moments } pageInfo { hasNextPage } } }",
    "{ patients(last: 3) { nodes { words(first: 3, offset: 1) some: words(first: 1) none: words(offset: 9) } } }",
    "{ appointments { nodes { patient { words(first: 2) } } } }",
    "query ($first: Int) { patients(last: 3) { nodes { words(first: $first) } } }",
  ])("are compiled, whoever asks: %s", async (query) => {
    for (const person of both.people.slice(0, -1)) {
      const compared = await both.compare(person, { query, variables: {} });
      expect({ person: person.name, ...compared }).toEqual({ person: person.name, ...COMPILED });
    }
  });

  it("are refused the same for who is nobody", async () => {
    const nobody = both.people.at(-1) as Person;
    for (const query of ["{ viewer { email } }", "{ myClinics { nodes { name } } }"]) {
      expect((await both.compare(nobody, { query, variables: {} })).difference).toBeNull();
    }
  });

  it.each([
    ["have cursors, which are numbers", "{ myClinics { edges { cursor node { name } } } }"],
    ["have cursors at their ends", "{ myClinics { nodes { name } pageInfo { endCursor } } }"],
    ["come behind a cursor", '{ myClinics(after: "WyJuYXR1cmFsIiwxXQ==") { nodes { name } } }'],
    ["are given for an argument", '{ clinicsNamed(name: "x") { nodes { name } } }'],
    ["may have changed something", "{ anyClinic { name } }"],
    ["may have changed something, as values", "{ patients { nodes { mrn rolls } } }"],
    ["are on record, as values", "{ patients { nodes { mrn secrets } } }"],
    ["are none of a table", "{ patients(first: 1) { nodes { history(first: 1) { nodes { action } } } } }"],
  ])("are left to Grafast that %s", async (_what, query) => {
    expect(await both.compare(provider(), { query, variables: {} })).toEqual(PLANNED);
  });

  it.each([
    "{ bareClinic { name timezone } }",
    "{ bareClinic { rowId } }",
    "{ holeyClinics { nodes { name } totalCount } }",
    "{ holeyClinics { edges { node { viewerCanBook } } } }",
  ])("are left to Grafast where they lack what each row of the table has: %s", async (query) => {
    expect(await both.compare(provider(), { query, variables: {} })).toEqual({
      difference: null,
      outcome: { failed: 1 },
    });
  });
});
