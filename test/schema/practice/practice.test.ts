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

  it("are the requester's to withdraw until they are ready, and nobody else's", async () => {
    const withdraw = "select (app_public.cancel_export($1)).status";
    await db.asUser(world.here.provider, async (request) => {
      const id = await ask(request, "patients");
      await request.become(world.here.clinicAdmin);
      await expect(request.attempt(withdraw, [id])).rejects.toMatchObject({ code: "NTFND" });
      await request.become(world.here.provider);
      expect(await request.value(withdraw, [id])).toBe("cancelled");
      await expect(request.attempt(withdraw, [id])).rejects.toMatchObject({ code: "NTFND" });
    });
  });

  it("are opened to nobody but the person who asked", () =>
    db.asUser(world.here.provider, async (request) => {
      const open = "select app_hidden.format_export_data($1)";
      const id = await ask(request, "patients");
      expect(await request.value(open, [id])).toBe("export_rows");
      await request.become(world.here.clinicAdmin);
      await expect(request.attempt(open, [id])).rejects.toMatchObject({ code: "NTFND" });
    }));

  it("refuse a period that ends before it starts", () =>
    db.asUser(world.here.provider, (request) =>
      expect(ask(request, "patients", "csv", "(2030-02-01,2030-01-01,)")).rejects.toMatchObject({
        code: "23514",
      }),
    ));
});
