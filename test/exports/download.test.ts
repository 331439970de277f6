import { createHash, randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createSession } from "../../src/access/world/people.ts";
import { count } from "../tasks/organizationWork.ts";
import { useExportWorld } from "./exportWorld.ts";

const exports = useExportWorld();
const { db } = exports;
let exportId: string;

beforeAll(async () => {
  exportId = await exports.ask(exports.world().here.provider);
  await exports.work();
});
beforeEach(() => db.superuser.query("delete from app_private.export_links"));

const pathOf = async (id = exportId) =>
  (await exports.link(exports.world().here.provider, id)).data.createExportLink.result.path as string;
const follow = (path: string, init?: RequestInit) => fetch(`${exports.api.url}${path}`, init);
const statusOf = async (path: string, init?: RequestInit) => {
  const response = await follow(path, init);
  await response.arrayBuffer();
  return response.status;
};
const codeOf = async (response: Response) =>
  ((await response.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code;
const isRefused = async (path: string) => {
  const response = await follow(path);
  expect([response.status, await codeOf(response)]).toEqual([404, "NOT_FOUND"]);
};

describe("a link to an export", () => {
  it("gives the file to be saved, as often as it is followed, and every time is on record", async () => {
    const path = await pathOf();
    for (const times of [1, 2]) {
      const response = await follow(path);
      expect(response.status).toBe(200);
      const content = Buffer.from(await response.arrayBuffer());
      expect(content.toString()).toMatch(/^"id","mrn","given_name","family_name"/);
      expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8");
      expect(response.headers.get("content-disposition")).toMatch(
        /^attachment; filename="patients-\d{4}-\d\d-\d\d\.csv"$/,
      );
      expect(response.headers.get("cache-control")).toBe("no-store");
      const digest = createHash("sha256").update(content).digest();
      expect(response.headers.get("repr-digest")).toBe(`sha-256=:${digest.toString("base64")}:`);
      expect(await exports.record(exportId)).toMatchObject({
        content_sha256: digest.toString("hex"),
        download_count: times,
      });
    }
    expect(
      await count(
        db,
        "from app_audit.events where row_id = $1 and actor_id = $2 and 'downloaded_at' = any (changed_fields)",
        [exportId, exports.world().here.provider.userId],
      ),
    ).toBe(2);
  });

  it("counts nothing as fetched where the file is missing or not whole, and says so to who may fetch it only", async () => {
    const path = await pathOf();
    const [name = ""] = (await exports.files()).filter((each) => each.startsWith(exportId));
    const file = join(exports.folder(), name);
    const content = await readFile(file);
    const before = await exports.record(exportId);
    const events = () => count(db, "from app_audit.events where row_id = $1", [exportId]);
    const eventsBefore = await events();
    for (const spoil of [() => writeFile(file, content.subarray(1)), () => rm(file)]) {
      await spoil();
      const response = await follow(path);
      expect([response.status, await codeOf(response)]).toEqual([500, "INTERNAL"]);
      await isRefused(`/exports/${randomBytes(32).toString("hex")}`);
    }
    expect(await exports.record(exportId)).toEqual(before);
    expect(await events()).toBe(eventsBefore);
    await writeFile(file, content);
    expect(await statusOf(path)).toBe(200);
    expect(await exports.record(exportId)).toEqual({ ...before, download_count: before.download_count + 1 });
  });

  it("is made for nobody but the person who asked, and of nothing that is not ready", async () => {
    const { here, owner, superadmin, abroad } = exports.world();
    for (const person of [here.clinicAdmin, here.staff, owner, superadmin, abroad.provider]) {
      const { errors } = await exports.link(person, exportId);
      expect(errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
    }
    const waiting = await exports.ask(here.provider);
    expect((await exports.link(here.provider, waiting)).errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
    expect(await count(db, "from app_private.export_links")).toBe(0);
  });

  it("is made without waiting for another that is being made and has found the same expired ones", async () => {
    const { here } = exports.world();
    await pathOf();
    await db.superuser.query("update app_private.export_links set expires_at = now()");
    await db.asUser(here.provider, async ({ value, client }) => {
      await value("select (app_public.create_export_link($1)).path", [exportId]);
      expect((await exports.link(here.provider, exportId)).errors).toBeUndefined();
      await client.query("commit; begin");
    });
    // The expired one is gone, and both are there.
    expect(await count(db, "from app_private.export_links where expires_at > now()")).toBe(2);
    expect(await count(db, "from app_private.export_links")).toBe(2);
  });

  it("opens nothing when it is forged, expired or of another method", async () => {
    const path = await pathOf();
    await isRefused(`/exports/${randomBytes(32).toString("hex")}`);
    await isRefused(`/exports/${exportId}`);
    await isRefused(path.slice(0, -1) + (path.endsWith("0") ? "1" : "0"));
    await isRefused(`${path}0`);
    for (const method of ["POST", "HEAD"]) {
      const { status, headers } = await follow(path, { method });
      expect([status, headers.get("allow")]).toEqual([405, "GET"]);
    }
    await db.superuser.query("update app_private.export_links set expires_at = now()");
    await isRefused(path);
  });

  it("opens nothing any more once the session has ended, the person has left, or the export has expired", async () => {
    const { here } = exports.world();
    const { userId } = here.provider;
    const path = await pathOf();
    const changes = [
      [
        "update app_public.clinic_memberships set active = false where user_id = $1",
        "update app_public.clinic_memberships set active = true where user_id = $1",
      ],
      [
        "update app_public.users set deleted_at = now() where id = $1",
        "update app_public.users set deleted_at = null where id = $1",
      ],
      [
        "update app_public.export_requests set created_at = now() - interval '8 days', expires_at = now() where created_by = $1",
        "update app_public.export_requests set expires_at = now() + interval '1 day' where created_by = $1",
      ],
      [
        "update app_private.auth_sessions set revoked_at = now(), revoked_reason = 'x' where user_id = $1",
        "update app_private.auth_sessions set revoked_at = null, revoked_reason = null where user_id = $1",
      ],
    ];
    for (const [change = "", back = ""] of changes) {
      await db.superuser.query(change, [userId]);
      await isRefused(path);
      await db.superuser.query(back, [userId]);
      expect(await statusOf(path)).toBe(200);
    }
  });

  it("is of the session that made it, and of no other one of that person", async () => {
    const { here } = exports.world();
    const sessionId = await createSession(db.superuser, here.provider.userId);
    const { data } = await exports.link({ ...here.provider, sessionId }, exportId);
    await db.superuser.query(
      "update app_private.auth_sessions set revoked_at = now(), revoked_reason = 'x' where id = $1",
      [sessionId],
    );
    await isRefused(data.createExportLink.result.path);
  });
});
