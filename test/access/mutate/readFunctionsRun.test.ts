import { beforeAll, expect, it } from "@jest/globals";

import { withClient } from "../../../src/database/withClient.ts";
import { useTestDatabase } from "../../support/database.ts";
import { readFunctionsRun } from "../../support/rerun/readFunctionsRun.ts";

const db = useTestDatabase();
let run: Set<string>;

beforeAll(async () => {
  await withClient(db.urls.superuser, async (client) => {
    await client.query("set track_functions to 'all'");
    await client.query(
      `create schema counted;
       create function counted.run() returns int language plpgsql as 'begin return 1; end';
       create function counted.run(int) returns int language plpgsql as 'begin return 1; end';
       create function counted.refused() returns int language plpgsql as 'begin raise exception ''no''; end';
       create function counted.written_into_its_caller() returns int stable language sql as 'select 1';
       create function counted.definer() returns int stable security definer language sql as 'select 1';
       create function counted.with_path() returns int stable set search_path to '' language sql as 'select 1'`,
    );
    await client.query("select counted.run()");
    await expect(client.query("select counted.refused()")).rejects.toThrow("no");
  });
  run = await readFunctionsRun(db.urls.superuser);
});

it("knows what has run to its end", () => {
  expect(run).toContain("counted.run()");
});

it("does not know of what has failed, which Postgres does not count", () => {
  expect(run).not.toContain("counted.refused()");
});

it("cannot know of a function that Postgres may have written into the statement", () => {
  expect(run).toContain("counted.written_into_its_caller()");
});

it.each(["counted.run(integer)", "counted.definer()", "counted.with_path()"])(
  "knows that %s has not run",
  (name) => {
    expect(run).not.toContain(name);
  },
);
