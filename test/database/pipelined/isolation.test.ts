import { beforeAll, expect, it } from "@jest/globals";

import {
  createClinic,
  createMember,
  createOrganization,
  createPatient,
  type Person,
} from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";
import { usePipelines } from "./pipelines.ts";

const PEOPLE = 40;
const STATEMENTS = 100_000;
/** As many as may wait for the two connections that statements have to themselves. */
const CONCURRENT = 40;
/** Every so many statements one backend is killed, or one statement cancelled. */
const KILL_EVERY = 5000;
const CANCEL_EVERY = 1700;

const db = useTestDatabase();
const pipelines = usePipelines(db, { sharedConnections: 3, preparedLimit: 8, poolSize: 2 });
/** A person of an organization with as many patients as its place in the list says. */
const people: { person: Person; patients: number }[] = [];

beforeAll(async () => {
  for (let index = 0; index < PEOPLE; index++) {
    const clinic = await createClinic(
      db.superuser,
      await createOrganization(db.superuser, `Clinic ${index}`),
    );
    for (let patient = 0; patient < index % 5; patient++) {
      await createPatient(db.superuser, clinic);
    }
    people.push({ person: await createMember(db.superuser, clinic, "provider"), patients: index % 5 });
  }
}, 60_000);

const SEEN = "select auth.uid()::text, current_user::text, (select count(*)::int from app_public.patients)";

/** One statement and whether its answer was the asker's own; undefined when it got none. */
async function ask(index: number): Promise<boolean | undefined> {
  const { person, patients } = people[index % PEOPLE] as (typeof people)[number];
  const kind = index % 11;
  if (kind === 0) {
    const rows = await pipelines.run(null, { name: "whoami", text: "select auth.uid()", arrayMode: true });
    return JSON.stringify(rows) === "[[null]]";
  }
  if (kind === 1) {
    const divided = pipelines.run(person, {
      name: "fails",
      text: "select 1 / (length($1) * 0)",
      values: ["x"],
    });
    return divided.then(
      () => false,
      (error: { code?: string }) => (error.code === "22012" ? true : undefined),
    );
  }
  // Names that do not fit into the limit, so that statements are closed and parsed again all the time; and no name, which is
  // the way of mutations.
  const name = kind === 2 ? undefined : `seen ${index % 13}`;
  const rows = await pipelines.run(person, {
    ...(name && { name }),
    text: `${SEEN} -- ${name ?? ""}`,
    arrayMode: true,
  });
  return JSON.stringify(rows) === JSON.stringify([[person.userId, "app_user", patients]]);
}

async function disturb(index: number): Promise<void> {
  const action =
    index % KILL_EVERY === 0
      ? "pg_terminate_backend(pid)"
      : index % CANCEL_EVERY === 0
        ? "pg_cancel_backend(pid)"
        : null;
  if (action) {
    await db.superuser.query(
      `select ${action} from (
         select pid from pg_catalog.pg_stat_activity
         where datname = current_database() and application_name in ('bailiwick-shared', 'bailiwick-gateway')
         order by random() limit 1
       ) one`,
    );
  }
}

it("gives nobody the answer of somebody else, whatever fails in between", async () => {
  const answers = { right: 0, wrong: 0, none: 0 };
  let next = 0;
  const asker = async () => {
    for (let index = next++; index < STATEMENTS; index = next++) {
      await disturb(index);
      const isRight = await ask(index).catch(() => undefined);
      answers[isRight === undefined ? "none" : isRight ? "right" : "wrong"]++;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, asker));
  expect(answers.wrong).toBe(0);
  // Who lost a connection got an error; most did not.
  expect(answers.none).toBeLessThan(STATEMENTS / 50);
  expect(answers.right + answers.none).toBe(STATEMENTS);
}, 300_000);
