import { beforeAll, beforeEach, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../src/access/world/people.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { useMailServer } from "../support/mailServer.ts";

const db = useTestDatabase();
const api = useGateway(db);
const server = useMailServer();
let person: Person;

const PASSWORD = "correct horse battery";
const REGISTER = `mutation ($email: String!) {
  register(input: { email: $email, password: "${PASSWORD}", displayName: "Jo" }) { result }
}`;
const headers = { "X-Request-Id": "same" };
const register = (email: string) => api.query(null, REGISTER, { variables: { email }, headers });

/** Runs the jobs; the one mail that was sent. */
async function mailed(): Promise<{ to: string[]; content: string } | undefined> {
  const mail = { ...db.config.mail, smtpUrl: server.url(), appUrl: "https://app.example" };
  await runJobs(db, { ...db.config, mail });
  expect(await queuedJobs(db)).toEqual([]);
  const [taken, ...more] = server.taken();
  expect(more).toEqual([]);
  return taken;
}

const confirm = (code: string | undefined, password: string) =>
  api.query(
    null,
    `mutation ($code: String!, $password: String!) {
      confirmRegistration(input: { code: $code, password: $password }) { result { accessToken } }
    }`,
    { variables: { code, password } },
  );

beforeAll(async () => {
  person = await createPerson(db.superuser);
});
beforeEach(async () => {
  await db.superuser.query("delete from graphile_worker._private_jobs");
  server.accept();
});

it("an account is made by the code from the mail, and opened by the password it was asked for with", async () => {
  expect((await register("New@Example.com")).data).toEqual({ register: { result: true } });
  const mail = await mailed();
  expect(mail?.to).toEqual(["new@example.com"]);
  const code = /https:\/\/app\.example\/confirm-registration#([0-9a-f]{64})/.exec(mail?.content ?? "")?.[1];
  // Whoever has only the mail did not ask for the account: somebody else's password would come with it.
  expect((await confirm(code, "not the one it was asked for with")).errors?.[0]?.extensions?.code).toBe(
    "NOT_FOUND",
  );
  const { accessToken } = (await confirm(code, PASSWORD)).data.confirmRegistration.result;
  const viewer = await api.query(null, "{ viewer { email emailVerifiedAt profile { displayName } } }", {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  expect(viewer.data.viewer).toEqual({
    email: "new@example.com",
    emailVerifiedAt: expect.any(String),
    profile: { displayName: "Jo" },
  });
  expect((await confirm(code, PASSWORD)).errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
  const logIn = `mutation { logIn(input: { email: "new@example.com", password: "${PASSWORD}" }) { result { userId } } }`;
  expect((await api.query(null, logIn)).errors).toBeUndefined();
});

it("an address with an account gets the same answer, to the byte, and its owner hears of it", async () => {
  const known = await register(person.email);
  const mail = await mailed();
  expect(mail?.to).toEqual([person.email]);
  expect(mail?.content).toContain("Subject: You have an account already");
  expect(mail?.content).not.toMatch(/confirm-registration|#[0-9a-f]{64}/);
  const free = await register("free@example.com");
  expect([known.status, known.text]).toEqual([free.status, free.text]);
  const names = (answer: typeof known) => [...answer.headers.keys()];
  expect(names(known)).toEqual(names(free));
});

it("a mail that could not be sent brings a code that works when it is sent again", async () => {
  await register("later@example.com");
  server.refuse();
  const mail = { ...db.config.mail, smtpUrl: server.url(), appUrl: "https://app.example" };
  await runJobs(db, { ...db.config, mail });
  expect(await queuedJobs(db)).toHaveLength(1);
  server.accept();
  await db.superuser.query("update graphile_worker._private_jobs set run_at = now()");
  const code = /#([0-9a-f]{64})/.exec((await mailed())?.content ?? "")?.[1];
  const { accessToken } = (await confirm(code, PASSWORD)).data.confirmRegistration.result;
  const viewer = await api.query(null, "{ viewer { email } }", {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  expect(viewer.data).toEqual({ viewer: { email: "later@example.com" } });
});
