import { setTimeout as sleep } from "node:timers/promises";

import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { pino } from "pino";

import { createPerson } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { openMail } from "../../src/mail/openMail.ts";
import { useTestDatabase } from "../support/database.ts";
import { runJobs } from "../support/jobs.ts";
import { useMailServer } from "../support/mailServer.ts";
import { count } from "./organizationWork.ts";

const db = useTestDatabase();
const server = useMailServer();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});
beforeEach(async () => {
  await db.superuser.query("delete from graphile_worker._private_jobs");
  server.accept();
  server.taken();
});

const work = () =>
  runJobs(db, {
    ...db.config,
    mail: { ...db.config.mail, smtpUrl: server.url(), appUrl: "https://app.example" },
  });
const again = () => db.superuser.query("update graphile_worker._private_jobs set run_at = now()");
const codesIn = () => server.taken().map(({ content }) => /#([0-9a-f]{64})/.exec(content)?.[1] ?? "");

/** Invites somebody; who they are, and the id of the job that mails them. */
async function invite() {
  const guest = await createPerson(db.superuser);
  await db.asUser(world.owner, async ({ client }) => {
    await client.query("select app_public.invite_member($1, organization_id => $2)", [
      guest.email,
      world.own,
    ]);
    await client.query("commit");
  });
  const { rows } = await db.superuser.query("select id from graphile_worker.jobs");
  return { guest, jobId: String(rows[0]?.id) };
}

const accepts = (guest: { userId: string; sessionId: string }, code: string) =>
  db.asUser(guest, ({ value }) =>
    value("select (app_public.accept_invitation($1)).organization_id", [code]).then(
      (organizationId) => organizationId === world.own,
      () => false,
    ),
  );

describe("a mail that is sent again", () => {
  it("because its job came back after it was done is not, and its code stays as it is", async () => {
    const { jobId } = await invite();
    const hash = () =>
      db.superuser.query(
        "select mailed_code_hash from app_public.invitations where accepted_at is null order by id desc limit 1",
      );
    await db.superuser.query(
      "insert into app_private.job_effects (effect_key) values ('mail__send:' || $1)",
      [jobId],
    );
    const before = await hash();
    await work();
    expect(server.taken()).toEqual([]);
    expect((await hash()).rows).toEqual(before.rows);
    expect(await count(db, "from graphile_worker._private_jobs")).toBe(0);
  });

  it("because nobody heard that it was taken brings a code of its own, and both codes work", async () => {
    const { guest } = await invite();
    server.forget();
    await work();
    server.accept();
    await again();
    await work();
    const codes = codesIn();
    expect(new Set(codes).size).toBe(2);
    for (const code of codes) {
      expect(await accepts(guest, code)).toBe(true);
      expect(await accepts(world.here.provider, code)).toBe(false);
    }
  });

  it("for a registration leaves the code of the copy before in use, and of none before that", async () => {
    await db.superuser.query(
      "select app_public.register('again@example.com', '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA')",
    );
    for (const answer of [server.forget, server.forget, server.accept]) {
      answer();
      await again();
      await work();
    }
    const codes = codesIn();
    const begin = (code: string) =>
      db.asAnonymous(({ value }) => value("select app_hidden.begin_confirmation($1)", [code]));
    const answers = await Promise.all(codes.map(begin));
    expect(answers.map((parameters) => parameters !== null)).toEqual([false, true, true]);
  });
});

describe("a slow mail server", () => {
  it("gets no copy of a mail whose job has given up waiting for its turn", async () => {
    const mail = openMail({ ...db.config.mail, smtpUrl: server.url() }, pino({ level: "silent" }));
    const letter = (to: string) => ({ to, key: to, subject: "s", text: "t", html: "<p>t</p>" });
    try {
      server.hold();
      const never = new AbortController().signal;
      const sent = ["a@example.com", "b@example.com"].map((to) => mail.send(letter(to), never));
      while (server.held() < 2) {
        await sleep(10);
      }
      const gaveUp = new AbortController();
      const third = mail.send(letter("c@example.com"), gaveUp.signal);
      gaveUp.abort();
      await expect(third).rejects.toMatchObject({ code: "unavailable" });
      server.accept();
      server.letGo();
      await Promise.all(sent);
      await mail.send(letter("d@example.com"), never);
      expect(
        server
          .taken()
          .map(({ to }) => to[0])
          .toSorted(),
      ).toEqual(["a@example.com", "b@example.com", "d@example.com"]);
    } finally {
      mail.close();
    }
  });
});
