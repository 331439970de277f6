import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import { buildSchema, parse, validate } from "graphql";

import { hashPassword } from "../../src/auth/passwordHash.ts";
import { DEMO_PASSWORD, DEMO_PEOPLE, type DemoPersonName, demoUserId } from "../../src/seed/demoPeople.ts";
import { DEMO_QUERIES } from "../../src/seed/demoQueries.ts";
import { seedDatabase } from "../../src/seed/seedDatabase.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";

const db = useTestDatabase();

async function sessionOf(name: DemoPersonName): Promise<{ userId: string; sessionId: string }> {
  const { email } = DEMO_PEOPLE[name];
  const begun = await db.superuser.query("select parameters from app_hidden.begin_log_in($1)", [email]);
  const grant = await db.superuser.query("select (app_public.log_in($1, $2)).user_id as user_id", [
    email,
    await hashPassword(DEMO_PASSWORD, begun.rows[0].parameters),
  ]);
  const { rows } = await db.superuser.query(
    "select id from app_private.auth_sessions where user_id = $1 order by id desc limit 1",
    [grant.rows[0].user_id],
  );
  return { userId: demoUserId(name), sessionId: rows[0].id };
}

async function namesSeenBy(name: DemoPersonName, purposeOfUse?: string): Promise<unknown[]> {
  const seen = await db.asUser(
    await sessionOf(name),
    (request) => request.rows("select family_name from app_public.patients order by 1"),
    { purposeOfUse },
  );
  return seen.map(({ family_name }) => family_name);
}

describe("the demo data", () => {
  it("are there after the first run, and untouched by the second", async () => {
    const first = await seedDatabase(db);
    expect(first).toMatchObject({ users: 7, organizations: 2, clinics: 3, patients: 7, appointments: 12 });
    await db.superuser.query(
      "update app_public.profiles set display_name = '' where email = 'bob@example.com'",
    );
    const { rows: before } = await db.superuser.query("select count(*) from app_audit.events");
    const second = await seedDatabase(db);
    expect(Object.entries(second).filter(([, count]) => count > 0)).toEqual([]);
    expect((await db.superuser.query("select count(*) from app_audit.events")).rows).toEqual(before);
  });

  it("tell nobody of what they are, but of what waits for somebody: an invitation, a review, an export, and a report's files", async () => {
    expect((await queuedJobs(db)).map(({ task }) => task)).toEqual([
      "mail__send",
      "break_glass__notify",
      "export__write",
      "report__write",
    ]);
  });

  it("show each person a world of their own", async () => {
    expect(await namesSeenBy("alice")).toEqual(["Lavoie", "Nguyen", "Okafor", "Tremblay"]);
    expect(await namesSeenBy("bob")).toEqual(["Becker", "Souza"]);
    expect(await namesSeenBy("carol")).toEqual(["Chen", "Okafor"]);
    expect(await namesSeenBy("pat")).toEqual(["Nguyen"]);
    expect(await namesSeenBy("admin")).toEqual([]);
    expect(await namesSeenBy("admin", "support")).toHaveLength(7);
  });

  it("have an export that the worker writes, and nothing that waits for ever", async () => {
    await runJobs(db);
    const { rows } = await db.superuser.query(
      "select status::text, row_count, content_sha256 is not null as has_file from app_public.export_requests",
    );
    expect(rows).toEqual([{ status: "ready", row_count: 2, has_file: true }]);
    expect(await queuedJobs(db)).toEqual([]);
    expect((await db.superuser.query("select from app_public.job_dead_letters")).rowCount).toBe(0);
  });

  it("are refused in production", async () => {
    await expect(
      seedDatabase({ urls: db.urls, config: { ...db.config, environment: "production" } }),
    ).rejects.toThrow(/Production takes no demo data/);
  });
});

describe("somebody else's address", () => {
  const taken = useTestDatabase();

  it("keeps the demo data out, all of them", async () => {
    await taken.superuser.query("insert into app_public.users (email) values ('alice@example.com')");
    await expect(seedDatabase(taken)).rejects.toThrow(/need the e-mail address alice@example.com/);
    expect((await taken.superuser.query("select from app_public.organizations")).rowCount).toBe(0);
  });
});

describe("the demo queries", () => {
  const schema = buildSchema(readFileSync(join(import.meta.dirname, "../../schema.graphql"), "utf8"));

  it.each(DEMO_QUERIES.map(({ title, query }) => [title, query]))("fit the API: %s", (_title, query) => {
    expect(validate(schema, parse(query))).toEqual([]);
  });
});
