import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const SEGMENTS = JSON.stringify([{ startMs: 0, endMs: 900, speaker: "provider", text: "Good morning." }]);

describe("transcripts", () => {
  const write = (request: Request, sessionId: string, segments = SEGMENTS) =>
    request.value<string>("select (app_public.write_transcript($1, $2::jsonb)).id", [sessionId, segments]);

  it("are written, declared final and then stay as they are", () =>
    db.asUser(world.here.provider, async (request) => {
      const id = await write(request, world.here.careSessionId);
      await request.rows("select app_public.finalize_transcript($1)", [id]);
      await expect(
        request.attempt("update app_public.session_transcripts set segments = '[]' where id = $1", [id]),
      ).rejects.toMatchObject({ code: "CNFLT" });
    }));

  it("are seen by the patient when they are final, not before", () =>
    db.asUser(world.here.provider, async (request) => {
      const id = await write(request, world.here.careSessionId);
      const seen = "select count(*)::int from app_public.session_transcripts";
      await request.become(world.portal);
      expect(await request.value(seen)).toBe(0);
      await request.become(world.here.provider);
      await request.rows("select app_public.finalize_transcript($1)", [id]);
      await request.become(world.portal);
      expect(await request.value(seen)).toBe(1);
    }));

  it.each([
    ["a list", "{}"],
    ["times", '[{"speaker": "a", "text": "b"}]'],
    ["times in order", '[{"startMs": 5, "endMs": 1, "speaker": "a", "text": "b"}]'],
    ["text", '[{"startMs": 0, "endMs": 1, "speaker": "a", "text": 7}]'],
    ["objects", '["hello"]'],
  ])("need %s", (_what, segments) =>
    db.asUser(world.here.provider, (request) =>
      expect(write(request, world.here.careSessionId, segments)).rejects.toMatchObject({ code: "23514" }),
    ),
  );

  it("answer alike for a session of another clinic, of another organization and none at all", async () => {
    for (const id of [world.there.careSessionId, world.abroad.careSessionId, world.own]) {
      await db.asUser(world.here.provider, (request) =>
        expect(write(request, id)).rejects.toMatchObject({ code: "NTFND" }),
      );
    }
  });
});

describe("session templates", () => {
  const save = (request: Request, version: number, body = "x") =>
    request.attempt("select app_public.save_session_template('Intake', $1, $2, $3, $4)", [
      body,
      world.own,
      world.here.clinic.id,
      version,
    ]);
  const current = (request: Request) =>
    request.rows("select name, version from app_public.current_session_templates() where name = 'Intake'");

  it("grow by versions, of which the last is current until it is retired", () =>
    db.asUser(world.here.provider, async (request) => {
      await save(request, 1);
      await save(request, 2, "y");
      expect(await current(request)).toEqual([{ name: "Intake", version: 2 }]);
      await request.rows(
        "select app_public.retire_session_template(id) from app_public.session_templates where version = 2",
      );
      expect(await current(request)).toEqual([]);
      await save(request, 3);
      expect(await current(request)).toEqual([{ name: "Intake", version: 3 }]);
    }));

  it("tell the second of two people who change one version", () =>
    db.asUser(world.here.provider, async (request) => {
      await save(request, 1);
      await expect(save(request, 1)).rejects.toMatchObject({ code: "CNFLT" });
      await expect(save(request, 3)).rejects.toMatchObject({ code: "CNFLT" });
    }));
});

describe("exports", () => {
  const ask = (request: Request, kind: string, format = "csv", filter = "(,,)") =>
    request.value<string>(
      "select (app_public.request_export($1::app_public.export_kind, $2, $3::app_public.export_filter, $4)).id",
      [kind, format, filter, world.here.clinic.id],
    );
  const fetch = (request: Request, id: string | undefined) =>
    request.value<string>("select app_public.format_export_data($1)", [id]);

  it("hold the clinic's records as CSV that no spreadsheet takes for formulas, and note how much", () =>
    db.asUser(world.here.provider, async (request) => {
      await request.rows(
        `update app_public.patients set given_name = '=1+1', city = 'A "B"', phone = '-12' where id = $1`,
        [world.here.patient.id],
      );
      const id = await ask(request, "patients");
      const content = await fetch(request, id);
      const [header, line, ...rest] = content!.split("\r\n");
      expect(header).toMatch(/^"id","mrn","given_name","family_name"/);
      expect(line).toContain(`"'=1+1"`);
      expect(line).toContain(`"A ""B"""`);
      expect(line).toContain(`"-12"`);
      expect(rest).toEqual([""]);
      const [request_] = await request.rows(
        `select status, row_count, content_sha256 = encode(sha256(convert_to($2, 'UTF8')), 'hex') as is_same
         from app_public.export_requests where id = $1`,
        [id, content],
      );
      expect(request_).toEqual({ status: "ready", row_count: 1, is_same: true });
    }));

  it("come as JSON, and only what the filter wants", () =>
    db.asUser(world.here.provider, async (request) => {
      expect(JSON.parse((await fetch(request, await ask(request, "appointments", "json")))!)).toHaveLength(1);
      const cancelled = await ask(request, "appointments", "json", "(,,cancelled)");
      expect(JSON.parse((await fetch(request, cancelled))!)).toEqual([]);
      const past = await ask(request, "appointments", "csv", "(2001-01-01,2001-01-31,)");
      expect(await fetch(request, past)).toBe("");
      for (const kind of ["care_sessions", "metrics"]) {
        expect(JSON.parse((await fetch(request, await ask(request, kind, "json")))!)).toEqual(
          expect.any(Array),
        );
      }
    }));

  it("cannot be fetched by anybody else, after they expired, once withdrawn, or once the person has left", async () => {
    await db.asUser(world.here.provider, async (request) => {
      const id = await ask(request, "patients");
      await request.become(world.here.clinicAdmin);
      await expect(request.attempt("select app_public.format_export_data($1)", [id])).rejects.toMatchObject({
        code: "NTFND",
      });
      await request.become(world.here.provider);
      const withdrawn = await ask(request, "patients");
      await request.rows("select app_public.cancel_export($1)", [withdrawn]);
      await expect(
        request.attempt("select app_public.format_export_data($1)", [withdrawn]),
      ).rejects.toMatchObject({
        code: "NTFND",
      });
      await request.become(world.owner);
      await request.rows("update app_public.clinic_memberships set active = false where user_id = $1", [
        world.here.provider.userId,
      ]);
      await request.become(world.here.provider);
      await expect(fetch(request, id)).rejects.toMatchObject({ code: "NTFND" });
    });
    const { rows } = await db.superuser.query(
      `insert into app_public.export_requests (organization_id, clinic_id, kind, created_by, expires_at)
       values ($1, $2, 'patients', $3, now()) returning id`,
      [world.own, world.here.clinic.id, world.here.provider.userId],
    );
    await db.asUser(world.here.provider, (request) =>
      expect(fetch(request, rows[0].id)).rejects.toMatchObject({ code: "EXPRD" }),
    );
  });

  it("refuse a period that ends before it starts", () =>
    db.asUser(world.here.provider, (request) =>
      expect(ask(request, "patients", "csv", "(2030-02-01,2030-01-01,)")).rejects.toMatchObject({
        code: "23514",
      }),
    ));
});
