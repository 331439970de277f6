import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import type { TestDatabase } from "../support/database.ts";
import { useBothGateways } from "./bothGateways.ts";
import type { Person } from "./bothWays.ts";

jest.setTimeout(300_000);

const TABLE = `
  create domain app_public.short_text as text check (length(value) < 40);
  create table app_public.samples (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references app_public.organizations on delete cascade,
    plain_json json,
    binary_json jsonb,
    sure_json jsonb not null default '{}',
    bytes bytea,
    sure_bytes bytea not null default '',
    texts text[],
    sure_texts text[] not null default '{}',
    domains app_public.short_text[],
    ids uuid[],
    kinds app_public.webhook_event_kind[],
    moments timestamptz[],
    clocks timestamp[],
    days date[],
    flags boolean[],
    integers integer[],
    bigs bigint[],
    numbers numeric[],
    jsons jsonb[],
    floats double precision[]
  );
  create index samples_organization_id_idx on app_public.samples (organization_id);
  alter table app_public.samples enable row level security, force row level security;
  create policy select_member on app_public.samples for select to app_user
    using (organization_id = any (array(select app_hidden.my_organization_ids())));
  grant select on app_public.samples to app_user;
  create function app_public.samples_made_of(sample app_public.samples) returns jsonb
    language sql stable set search_path to '' return jsonb_build_object('10', sample.binary_json, 'b', sample.plain_json, '2', 1.50);`;

const both = useBothGateways(async (db: TestDatabase) => {
  await db.superuser.query(TABLE);
  await db.superuser.query("grant execute on function app_public.samples_made_of to app_user");
});
const provider = () => both.people[0] as Person;
const COMPILED = { difference: null, outcome: { compiled: 1 } };
const FAILED = { difference: null, outcome: { failed: 1 } };

const add = (column: string, value: string) =>
  both.db.superuser.query(`insert into app_public.samples (organization_id, ${column}) values ($1, $2)`, [
    both.world.own,
    value,
  ]);
const remove = () => both.db.superuser.query("delete from app_public.samples");
const allOf = (fields: string) => ({
  query: `{ samples(first: 100) { nodes { id ${fields} } } }`,
  variables: {},
});

const AWKWARD_JSON = [
  "null",
  "true",
  '""',
  "0",
  "-0",
  "1.50",
  "1e2",
  "1E+400",
  "123456789012345678901234567890",
  "0.1000000000000000055511151231257827",
  "1e-7",
  "9007199254740993",
  "[ ]",
  '{ "b" : 1 , "a" : [ 1 , { } ] , "10" : 2 , "9" : 3 , "" : null }',
  '{"a":1,"b":2,"a":{"c":3}}',
  '{"__proto__":{"x":1},"constructor":2,"toJSON":3}',
  '"\\u0001 \\u2028 \\u2029 \\u007f \\/ \\ud83e\\udd8a é"',
  '"line\\nbreak\\ttab \\" \\\\ </script>"',
  '"!"',
  '[1e400, -1e400, {"deep":[[[[1.0]]]]}]',
].map((json) => [json] as const);

describe("JSON that is stored", () => {
  beforeAll(remove);

  it.each(AWKWARD_JSON)("is compiled to what JavaScript writes: %s", async (json) => {
    await both.db.superuser.query(
      "insert into app_public.samples (organization_id, plain_json, binary_json) values ($1, $2::text::json, $2::text::jsonb)",
      [both.world.own, json],
    );
    const compared = await both.compare(provider(), allOf("plainJson binaryJson again: plainJson madeOf"));
    const isTopmostInfinity = json === "1E+400";
    expect(compared).toEqual(isTopmostInfinity ? FAILED : COMPILED);
    await remove();
  });

  it("is the same where it is null, in many rows and beside other fields", async () => {
    for (const [json] of AWKWARD_JSON.filter(([each]) => each !== "1E+400")) {
      await add("binary_json", json);
    }
    await add("sure_json", '{"z":1,"y":[1.0]}');
    const document = {
      query: `{ samples(first: 50, orderBy: [PRIMARY_KEY_DESC]) {
        edges { cursor node { rowId binaryJson plainJson sureJson organization { name settings } } }
        totalCount pageInfo { hasNextPage endCursor } } }`,
      variables: {},
    };
    expect(await both.compare(provider(), document)).toEqual(COMPILED);
    await remove();
  });

  it("is the same error where it is null and the API says never", async () => {
    await add("sure_json", "null");
    expect(await both.compare(provider(), allOf("sureJson"))).toEqual(FAILED);
    await remove();
  });

  it("may have a surrogate alone, as text", async () => {
    await add("plain_json", '{"\\ud800":"\\udfff","\\u0000":1}');
    expect(await both.compare(provider(), allOf("plainJson"))).toEqual(COMPILED);
    await remove();
  });
});

describe("bytes", () => {
  it.each([0, 1, 2, 3, 56, 57, 58, 76, 200, 1000])("are compiled to base64: %i of them", async (length) => {
    const hex = `\\x${Buffer.from(Array.from({ length }, (_, index) => (index * 89) % 256)).toString("hex")}`;
    await add("bytes", hex);
    await add("sure_bytes", hex);
    expect(await both.compare(provider(), allOf("bytes sureBytes"))).toEqual(COMPILED);
    await remove();
  });
});

const ARRAYS: readonly (readonly [column: string, field: string, values: readonly string[]])[] = [
  [
    "texts",
    "texts sureTexts",
    [
      "{}",
      "{NULL}",
      '{"NULL",null,"null",""}',
      '{"a\\\\b","\\"","\\\\\\"","{}","a,b"," ","\u000b","é 🦊 \u2028","\u0001"}',
      "[2:3]={a,b}",
    ],
  ],
  ["sure_texts", "sureTexts", ["{}", '{"\\\\",x}', "{NULL}"]],
  ["domains", "domains", ["{}", "{x,NULL}"]],
  ["ids", "ids", ["{}", "{01748807-1681-7229-8251-a07ee61cbd94,NULL}"]],
  ["kinds", "kinds", ["{}", "{appointment_created,NULL,care_session_changed}"]],
  [
    "moments",
    "moments",
    [
      "{}",
      "{2026-11-30 01:02:03.4+01,NULL,infinity,-infinity,0044-03-15 12:00:00+00 BC,12026-01-01 00:00:00+00}",
    ],
  ],
  ["clocks", "clocks", ["{2026-11-30 01:02:03.4,NULL,infinity}"]],
  ["days", "days", ["{2026-11-30,NULL,infinity,0044-03-15 BC}"]],
  ["flags", "flags", ["{t,f,NULL}", "{}"]],
  ["integers", "integers", ["{1,-2147483648,NULL}"]],
  ["bigs", "bigs", ["{9223372036854775807,NULL}"]],
  ["numbers", "numbers", ["{1.50,NaN,NULL,1e30,-0.0}"]],
];

describe("a list of values", () => {
  it.each(ARRAYS)("is compiled, each as it is alone: %s", async (column, field, values) => {
    for (const value of values) {
      await add(column, value);
    }
    expect(await both.compare(provider(), allOf(field))).toEqual(COMPILED);
    await remove();
  });

  it("is the same error or answer where it is a list of lists", async () => {
    await add("texts", "{{a,b},{c,d}}");
    expect(await both.compare(provider(), allOf("texts"))).toEqual(FAILED);
    await remove();
  });

  it.each([
    ["jsons", '{"{}",NULL}'],
    ["floats", "{1.5,NULL}"],
  ])("is left to Grafast that is one of %s", async (column, value) => {
    await add(column, value);
    expect(await both.compare(provider(), allOf(column))).toEqual({
      difference: null,
      outcome: { unsuitable: 1 },
    });
    await remove();
  });
});

describe("the API's own JSON, bytes and lists", () => {
  it.each([
    "{ organizations { nodes { settings } } }",
    "{ clinics { nodes { openingHours viewerCanBook } } }",
    "{ sessionTranscripts { nodes { segments careSession { summary } } } }",
    "{ reports { nodes { period figures } } }",
    "{ integrations { nodes { settings } } }",
    "{ webhookEndpoints { nodes { eventKinds } } }",
    "{ webhookDeliveries { nodes { subjectIds } } }",
    "{ deviceKeys { nodes { state signingKey agreementKey } } }",
    "{ encryptedCycleRecords { nodes { nonce ciphertext aad } } }",
    "{ wrappedKeys { nodes { nonce ciphertext } } }",
    "{ healthcareShareRecords { nodes { nonce ciphertext } } }",
  ])("are compiled, whoever asks: %s", async (query) => {
    for (const person of both.people.slice(0, -1)) {
      const compared = await both.compare(person, { query, variables: {} });
      expect({ person: person.name, ...compared }).toEqual({ person: person.name, ...COMPILED });
    }
  });

  it("are what a record was at a time, for who may know, and the same refusal for others", async () => {
    const query = "query ($at: Datetime!) { appointments(first: 3) { nodes { rowId asOf(at: $at) } } }";
    const variables = { at: new Date().toISOString() };
    const owner = both.people.find(({ name }) => name === "owner") as Person;
    expect(await both.compare(owner, { query, variables })).toEqual(COMPILED);
    expect(await both.compare(provider(), { query, variables })).toEqual(FAILED);
  });
});
