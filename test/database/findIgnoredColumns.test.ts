import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { findIgnoredColumns } from "../../src/database/findIgnoredColumns.ts";
import { MIGRATIONS_FOLDER } from "../../src/database/migrationsFolder.ts";
import { withClient } from "../../src/database/withClient.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();

const ALLERGIES = `\
-- Überschrift
create table if not exists app_public.scratch_allergies (
  id uuid primary key default app_hidden.uuid_v7(),
  substance text not null,
  doses numeric(10,2)[] default '{1, 2}',
  "seen By" timestamp (3) with time zone, -- not a type
  constraint substance_is_short check (length(substance) <= 1000)
);
`;

beforeAll(() => withClient(db.urls.owner, (client) => client.query(ALLERGIES)));

/** Each as the line that it is at, and what is said. */
async function told(sql: string, hasRun = true): Promise<[line: string, message: string][]> {
  const found = await findIgnoredColumns(db.urls.owner, sql, { hasRun });
  return found.map(({ position, message }) => [
    Array.from(sql)
      .slice(position - 1)
      .join("")
      .split("\n")[0] ?? "",
    message,
  ]);
}

const changed = (from: string, to: string) => ALLERGIES.replace(from, to);

describe("a table that is there as the file has it", () => {
  it.each([
    ["as it was made", ALLERGIES],
    [
      "with types written in other words",
      ALLERGIES.replace("substance text", "substance pg_catalog.text")
        .replace("numeric(10,2)[]", "decimal ( 10 , 2 ) array")
        .replace("timestamp (3) with time zone", "/* the time */ TIMESTAMPTZ(3)"),
    ],
    [
      "with a column that is taken away and renamed further down",
      `${changed("substance text not null,", "substance text not null, gone text, called text,")}
       alter table app_public.scratch_allergies drop column if exists gone;
       alter table app_public.scratch_allergies rename column called to "seen By";`
        .replace('"seen By" timestamp (3) with time zone, --', "--")
        .replace("called text", "called timestamptz(3)"),
    ],
    [
      "with a type that is changed further down",
      `${changed("substance text", "substance varchar")}
       alter table app_public.scratch_allergies alter column substance type text using substance::text;`,
    ],
    [
      "with columns that are another's",
      "create table if not exists app_public.scratch_allergies (like app_public.scratch_allergies);",
    ],
    [
      "with a column that a block looks after",
      `${changed("substance text not null,", "substance text not null, severity int,")}
       do $$ begin
         alter table app_public.scratch_allergies rename severity to doses;
       end $$;`,
    ],
    [
      "which is made anew each time",
      `drop table if exists app_public.scratch_allergies; ${changed("substance text", "substance int")}`,
    ],
    ["or not there yet", changed("scratch_allergies", "scratch_others")],
  ])("is not told of: %s", async (_title, sql) => {
    expect(await told(sql)).toEqual([]);
  });

  it("is each table that the committed migrations have made, with all that has been added to it since", async () => {
    const folder = join(MIGRATIONS_FOLDER, "committed");
    const committed = readdirSync(folder).toSorted();
    expect(committed).not.toEqual([]);
    const sql = committed.map((file) => readFileSync(join(folder, file), "utf8")).join("\n");
    expect(await told(sql)).toEqual([]);
  });
});

describe("a table that is there otherwise than the file has it", () => {
  it("is told of for a column that it has not, with the statement that adds it", async () => {
    const sql = changed("substance text not null,", "substance text not null,\n  severity integer,");
    const expected = [
      "  severity integer,".trim(),
      expect.stringMatching(
        /^app_public\.scratch_allergies exists already without severity: [^]*\nAdd 'alter table app_public\.scratch_allergies add column if not exists severity integer;'/,
      ),
    ];
    expect(await told(sql)).toEqual([expected]);
    // As well when a grant on the column fails.
    expect(await told(sql, false)).toEqual([expected]);
    expect(
      await told(
        `${sql} alter table app_public.scratch_allergies add column if not exists severity integer;`,
        false,
      ),
    ).toEqual([]);
  });

  it("is told of for a column that the file names no more", async () => {
    const sql = changed("  substance text not null,\n", "");
    expect(await told(sql)).toEqual([
      [
        "app_public.scratch_allergies (",
        expect.stringMatching(
          /exists already with a column substance \(text\), [^]* drop column if exists substance;'/,
        ),
      ],
    ]);
    // The statement that takes it away may be one that did not come to run.
    expect(await told(sql, false)).toEqual([]);
  });

  it("is told of for a column of another type, or of one that does not exist", async () => {
    expect(await told(changed("numeric(10,2)[]", "numeric(10,3)[]"))).toEqual([
      [
        "doses numeric(10,3)[] default '{1, 2}',",
        expect.stringMatching(/with doses as numeric\(10,2\)\[\], not numeric\(10,3\)\[\]: /),
      ],
    ]);
    expect(await told(changed("substance text", "substance texxt"))).toEqual([
      ["substance texxt not null,", expect.stringMatching(/^type "texxt" does not exist\. [^]* as text/)],
    ]);
  });

  it("is told of for a column that was added to it as another type", async () => {
    const add = "alter table app_public.scratch_allergies add column if not exists";
    expect(await told(`${add} substance varchar(20);`)).toEqual([
      ["substance varchar(20);", expect.stringMatching(/ as text, not character varying\(20\): /)],
    ]);
    expect(await told(`${add} substance text;`)).toEqual([]);
  });
});
