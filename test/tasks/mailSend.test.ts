import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createPerson } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import type { Config } from "../../src/config.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { useMailServer } from "../support/mailServer.ts";
import { addJob, count, lastReason } from "./organizationWork.ts";

const db = useTestDatabase();
const server = useMailServer();
let world: World;
let folder: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  folder = await mkdtemp(join(tmpdir(), "bailiwick-mail-"));
});
afterAll(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  await db.superuser.query("delete from graphile_worker._private_jobs");
  server.accept();
});

const withMail = (mail: Partial<Config["mail"]>): Config => ({
  ...db.config,
  mail: { ...db.config.mail, from: "Bailiwick <no-reply@clinic.example>", ...mail },
});
const bySmtp = () => runJobs(db, withMail({ smtpUrl: server.url(), appUrl: "https://app.example" }));
const emailOf = async (userId: string) => {
  const { rows } = await db.superuser.query("select email from app_public.users where id = $1", [userId]);
  return rows[0].email as string;
};
const codeIn = (content: string) => /#([0-9a-f]{64})/.exec(content)?.[1] ?? "";

describe("mail__send", () => {
  it("proves an address by the link that it mails, once", async () => {
    const { userId } = await createPerson(db.superuser);
    await db.superuser.query("update app_public.users set email_verified_at = null where id = $1", [userId]);
    await addJob(db, "mail__send", { template: "verify_email", userId });
    await bySmtp();
    expect(await queuedJobs(db)).toEqual([]);
    const [mail] = server.taken();
    expect(mail?.to).toEqual([await emailOf(userId)]);
    expect(mail?.content).toMatch("Subject: Confirm your e-mail address");
    expect(mail?.content).toMatch("https://app.example/verify-email#");
    const verify = (token: string) =>
      db.superuser.query("select app_public.verify_email($1) as is_verified", [token]);
    const token = codeIn(mail?.content ?? "");
    await expect(verify(token.replace(/./, (first) => (first === "0" ? "1" : "0")))).rejects.toMatchObject({
      code: "NTFND",
    });
    expect((await verify(token)).rows).toEqual([{ is_verified: true }]);
    await expect(verify(token)).rejects.toMatchObject({ code: "NTFND" });
    expect(
      await count(db, "from app_public.users where id = $1 and email_verified_at is not null", [userId]),
    ).toBe(1);
  });

  it("proves no address that the account no longer has, nor after a day", async () => {
    const { userId } = await createPerson(db.superuser);
    await db.superuser.query("update app_public.users set email_verified_at = null where id = $1", [userId]);
    for (const change of [
      "update app_public.users set email = 'x' || email where id = $1",
      "update app_private.email_tokens set expires_at = now() where user_id = $1",
    ]) {
      await addJob(db, "mail__send", { template: "verify_email", userId });
      await bySmtp();
      await db.superuser.query(change, [userId]);
      const token = codeIn(server.taken()[0]?.content ?? "");
      await expect(
        db.asAnonymous((request) => request.value("select app_public.verify_email($1)", [token])),
      ).rejects.toMatchObject({ code: "NTFND" });
    }
  });

  it("tries again what the server refuses, says why without the address, and sends the first Message-ID", async () => {
    const { userId } = await createPerson(db.superuser);
    const address = await emailOf(userId);
    await db.superuser.query("select graphile_worker.add_job('mail__send', $1::json)", [
      JSON.stringify({ template: "export_ready", userId }),
    ]);
    server.refuse();
    await bySmtp();
    const [failed] = await queuedJobs(db);
    expect(failed).toMatchObject({
      attempts: 1,
      lastError: expect.stringMatching("did not take a mail \\(450\\)"),
    });
    expect(failed?.lastError).not.toMatch(address);
    const ids = [];
    // First the answer that it was taken is lost, then it arrives.
    for (const answer of [server.forget, server.accept]) {
      answer();
      await db.superuser.query("update graphile_worker._private_jobs set run_at = now()");
      await bySmtp();
      ids.push(/^Message-ID: (.*)$/im.exec(server.taken()[0]?.content ?? "")?.[1]);
    }
    expect(await queuedJobs(db)).toEqual([]);
    expect(ids[0]).toMatch(/^<[0-9a-f]{32}@clinic\.example>$/);
    expect(ids[1]).toBe(ids[0]);
  });

  it("writes a file that only its owner reads where no server is configured, once of what is sent once, and refuses without either", async () => {
    await addJob(db, "mail__send", { template: "export_ready", userId: world.here.provider.userId });
    await runJobs(db, withMail({ folder }));
    const [file] = await readdir(folder);
    const path = join(folder, file ?? "");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, "utf8")).toMatch("Subject: Your export is ready");

    await rm(path);
    await addJob(db, "mail__send", { template: "export_ready", userId: world.here.provider.userId });
    await runJobs(db, withMail({ folder }));
    expect(await readdir(folder)).toEqual([]);

    await addJob(db, "mail__send", {
      template: "export_ready",
      userId: world.here.provider.userId,
      subjectId: world.own,
    });
    await runJobs(db, withMail({ folder: null }));
    expect(await lastReason(db)).toMatch("SMTP_URL is not set");
  });

  it("sends news to no address that was not proven, and to the same once it was", async () => {
    const { userId } = await createPerson(db.superuser);
    for (const verifiedAt of [null, new Date()]) {
      await db.superuser.query("update app_public.users set email_verified_at = $2 where id = $1", [
        userId,
        verifiedAt,
      ]);
      await addJob(db, "mail__send", { template: "export_ready", userId });
      await bySmtp();
      expect(await queuedJobs(db)).toEqual([]);
      expect(server.taken().map(({ to }) => to)).toEqual(verifiedAt ? [[await emailOf(userId)]] : []);
    }
  });

  it("sends nothing to an account that is closed, or to one that never was", async () => {
    const { userId } = await createPerson(db.superuser);
    await db.superuser.query("update app_public.users set deleted_at = now() where id = $1", [userId]);
    for (const id of [userId, world.own]) {
      await addJob(db, "mail__send", { template: "export_ready", userId: id });
    }
    await bySmtp();
    expect(await queuedJobs(db)).toEqual([]);
    expect(server.taken()).toEqual([]);
  });

  it.each([{}, { template: "toString" }, { template: "export_ready", userId: "x" }])(
    "says what it needs for %j",
    async (payload) => {
      await addJob(db, "mail__send", payload);
      await bySmtp();
      expect(await lastReason(db)).toMatch("mail__send needs a template and ids");
    },
  );
});

describe("an invitation", () => {
  it("is mailed with a code of its own, and both codes work, each for the person invited", async () => {
    const guest = await createPerson(db.superuser);
    const shown = await db.asUser(world.owner, async ({ client, value }) => {
      const code = await value<string>("select (app_public.invite_member($1, organization_id => $2)).code", [
        await emailOf(guest.userId),
        world.own,
      ]);
      await client.query("commit");
      return code ?? "";
    });
    await bySmtp();
    expect(await queuedJobs(db)).toEqual([]);
    const [mail] = server.taken();
    expect(mail?.to).toEqual([await emailOf(guest.userId)]);
    const mailed = codeIn(mail?.content ?? "");
    expect(mailed).not.toBe(shown);
    const accept = "select (app_public.accept_invitation($1)).organization_id";
    for (const code of [shown, mailed]) {
      await db.asUser(guest, async (request) => expect(await request.value(accept, [code])).toBe(world.own));
      await db.asUser(world.here.provider, (request) =>
        expect(request.value(accept, [code])).rejects.toMatchObject({ code: "NTFND" }),
      );
    }
  });
});

describe("sendVerificationEmail", () => {
  it("mails the caller, three times in a quarter of an hour and not more, and not whoever is verified", async () => {
    const guest = await createPerson(db.superuser);
    const ask = "select app_public.send_verification_email()";
    await db.superuser.query("update app_public.users set email_verified_at = null where id = $1", [
      guest.userId,
    ]);
    await db.asUser(guest, async (request) => {
      const answers = [];
      for (let attempt = 0; attempt < 4; attempt += 1) {
        answers.push(await request.value(ask));
      }
      expect(answers).toEqual([true, true, true, false]);
    });
    await db.superuser.query("update app_public.users set email_verified_at = now() where id = $1", [
      guest.userId,
    ]);
    await db.asUser(guest, async (request) => expect(await request.value(ask)).toBe(false));
    await db.asAnonymous((request) => expect(request.value(ask)).rejects.toMatchObject({ code: "42501" }));
  });
});
