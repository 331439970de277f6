import { describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { useTestDatabase } from "../../support/database.ts";

const database = useTestDatabase();

interface Noted {
  plain: string[];
  phi: string[];
}

async function noted(client: ClientBase): Promise<Record<string, Noted>> {
  const { rows } = await client.query<{ table_name: string } & Noted>(
    "select table_name, plain, phi from app_audit.column_sensitivities order by table_name",
  );
  return Object.fromEntries(rows.map(({ table_name, plain, phi }) => [table_name, { plain, phi }]));
}

/** What is noted of patients when these statements have been run, and of which tables anything is. */
const whenNotedAfter = (statements: readonly string[]) =>
  database.inTransaction(async (client) => {
    const before = await noted(client);
    for (const statement of statements) {
      await client.query(statement);
    }
    await client.query("set local role app_owner");
    await client.query("select app_audit.note_sensitivity()");
    await client.query("reset role");
    return { before, after: await noted(client) };
  });

const PATIENTS = "app_public.patients";

describe("note_sensitivity()", () => {
  it("has run after the last migration that changed anything: another time changes nothing", async () => {
    const { before, after } = await whenNotedAfter([]);
    expect(Object.keys(after).length).toBeGreaterThan(30);
    expect(after[PATIENTS]).toMatchObject({ phi: expect.arrayContaining(["family_name"]) });
    expect(after).toEqual(before);
  });

  it("keeps a number that has no tag, and neither text, documents, nor what is elsewhere than in the API", async () => {
    const { before, after } = await whenNotedAfter([
      `alter table ${PATIENTS} add column a_number int, add column a_text text, add column a_document jsonb`,
      "alter table app_vault.device_keys add column a_number int",
    ]);
    const { plain = [], phi = [] } = after[PATIENTS] ?? {};
    expect({ plain, phi }).toEqual({
      plain: [...(before[PATIENTS]?.plain ?? []), "a_number"].sort(),
      phi: before[PATIENTS]?.phi,
    });
    expect(after["app_vault.device_keys"]).toEqual(before["app_vault.device_keys"]);
  });

  it.each([
    ["phi", { plain: [], phi: ["tagged"] }],
    ["plain", { plain: ["tagged"], phi: [] }],
    ["secret", { plain: [], phi: [] }],
  ])("goes by the tag where there is one: %s", async (tag, expected) => {
    const { after } = await whenNotedAfter([
      `alter table ${PATIENTS} add column tagged ${tag === "secret" ? "int" : "text"}`,
      `comment on column ${PATIENTS}.tagged is 'Something. @sensitivity ${tag}'`,
    ]);
    const ofTagged = (names: string[] = []) => names.filter((name) => name === "tagged");
    const { plain, phi } = after[PATIENTS] ?? {};
    expect({ plain: ofTagged(plain), phi: ofTagged(phi) }).toEqual(expected);
  });

  it("forgets a column that is gone, and a table that is not audited any more", async () => {
    const { before, after } = await whenNotedAfter([
      `alter table ${PATIENTS} drop column city cascade`,
      `do $$ begin
         execute (
           select string_agg(format('drop trigger %I on app_public.goals', tgname), ';') from pg_catalog.pg_trigger
           where tgrelid = 'app_public.goals'::regclass and tgfoid = 'app_private.tg__audit'::regproc
         );
       end $$`,
    ]);
    expect(before[PATIENTS]?.plain.concat(before[PATIENTS].phi)).toContain("city");
    expect(JSON.stringify(after[PATIENTS])).not.toContain("city");
    expect(before["app_public.goals"]).toBeDefined();
    expect(after["app_public.goals"]).toBeUndefined();
  });

  it("does not take what is said of something else with the same number for what is said of a column", async () => {
    const { before, after } = await whenNotedAfter([
      `insert into pg_catalog.pg_description (objoid, classoid, objsubid, description)
       select a.attrelid, 'pg_catalog.pg_proc'::regclass, a.attnum, '@sensitivity plain'
       from pg_catalog.pg_attribute a where a.attrelid = '${PATIENTS}'::regclass and a.attname = 'family_name'`,
    ]);
    expect(after).toEqual(before);
  });
});
