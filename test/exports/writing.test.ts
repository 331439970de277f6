import { createHash } from "node:crypto";
import { readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "csv-parse/sync";
import type { ClientBase } from "pg";

import { createPatient } from "../../src/access/world/people.ts";
import { writeExport } from "../../src/exports/writeExport.ts";
import { queuedJobs } from "../support/jobs.ts";
import { addJob, count } from "../tasks/organizationWork.ts";
import { useExportWorld } from "./exportWorld.ts";

const exports = useExportWorld();
const { db } = exports;

beforeEach(() => db.superuser.query("delete from graphile_worker._private_jobs"));

const contentOf = async (exportId: string): Promise<string> => {
  const name = (await exports.files()).find((file) => file.startsWith(exportId));
  return readFile(join(exports.folder(), name ?? "missing"), "utf8");
};

/** Works off the queue, while the records of metrics cannot be read; `meanwhile` once the export is being written. */
async function workHeldUp(
  exportId: string,
  meanwhile: (client: ClientBase) => Promise<unknown>,
): Promise<void> {
  const client = await db.superuser.connect();
  try {
    await client.query("begin; lock table app_public.metric_aggregations in access exclusive mode");
    const working = exports.work();
    while ((await exports.record(exportId)).status !== "running") {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await meanwhile(client);
    await client.query("rollback");
    await working;
  } finally {
    client.release();
  }
}

describe("export__write", () => {
  it("writes what the person sees over GraphQL, many batches of it, and tells them", async () => {
    const { here } = exports.world();
    for (let number = 0; number < 25; number += 1) {
      await createPatient(db.superuser, here.clinic);
    }
    await db.superuser.query(
      `insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, sex)
       select organization_id, home_clinic_id, mrn || '-' || n, given_name, family_name || n, birth_date, sex
       from app_public.patients cross join generate_series(1, 100) n where home_clinic_id = $1`,
      [here.clinic.id],
    );
    const exportId = await exports.ask(here.provider, { format: "NDJSON" });
    await exports.work();
    expect(await queuedJobs(db)).toEqual([]);
    const content = await contentOf(exportId);
    const written = content
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(written.length).toBeGreaterThan(2500);

    const seen: unknown[] = [];
    for (let after: string | null = null; ;) {
      const { data } = await exports.api.query(
        here.provider,
        `query ($clinicId: UUID!, $after: Cursor) {
          patients(filter: { homeClinicId: { equalTo: $clinicId } }, first: 500, after: $after) {
            nodes { rowId mrn familyName }
            pageInfo { hasNextPage endCursor }
          }
        }`,
        { variables: { clinicId: here.clinic.id, after } },
      );
      seen.push(
        ...data.patients.nodes.map((node: Record<string, string>) => [node.rowId, node.mrn, node.familyName]),
      );
      if (!data.patients.pageInfo.hasNextPage) {
        break;
      }
      after = data.patients.pageInfo.endCursor;
    }
    const sorted = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
    expect(sorted(written.map(({ id, mrn, family_name }) => [id, mrn, family_name]))).toEqual(sorted(seen));

    expect(await exports.record(exportId)).toEqual({
      status: "ready",
      row_count: written.length,
      byte_count: Buffer.byteLength(content),
      content_sha256: createHash("sha256").update(content).digest("hex"),
      download_count: 0,
    });
    const [file] = await exports.files();
    expect((await stat(join(exports.folder(), file ?? ""))).mode & 0o777).toBe(0o600);
    const told =
      "from app_public.notifications where kind = 'export_ready' and subject_id = $1 and user_id = $2";
    expect(await count(db, told, [exportId, here.provider.userId])).toBe(1);
    expect(
      await count(db, "from app_audit.events where row_id = $1 and 'content_sha256' = any (changed_fields)", [
        exportId,
      ]),
    ).toBe(1);
  });

  it("writes nothing that a spreadsheet takes for a formula, and leaves everything else as it is", async () => {
    const { here } = exports.world();
    const names = ["=1+1", "+1", "-1+1", "@sum(a1)", "\t=1", "\r=1", 'A "B", C', "ｅ", "line\nbreak", "-12"];
    await db.superuser.query("update app_public.patients set deleted_at = now() where home_clinic_id = $1", [
      here.clinic.id,
    ]);
    for (const [index, name] of names.entries()) {
      const { id } = await createPatient(db.superuser, here.clinic);
      await db.superuser.query("update app_public.patients set city = $2, family_name = $3 where id = $1", [
        id,
        name,
        `F${String(index).padStart(2, "0")}`,
      ]);
    }
    const exportId = await exports.ask(here.provider);
    await exports.work();
    const rows: Record<string, string>[] = parse(await contentOf(exportId), { columns: true });
    const dangerous = new Set(names.filter((name) => /^[=+\-@\t\r]/.test(name)));
    expect(rows.map(({ city }) => city)).toEqual(
      names.map((name) => (dangerous.has(name) ? `'${name}` : name)),
    );
    await db.superuser.query("update app_public.patients set deleted_at = null where home_clinic_id = $1", [
      here.clinic.id,
    ]);
  });

  it("holds only what the filter wants, of every kind", async () => {
    const { here } = exports.world();
    const lines = async (asked: Parameters<typeof exports.ask>[1]) => {
      const exportId = await exports.ask(here.provider, { format: "NDJSON", ...asked });
      await exports.work();
      expect(await exports.record(exportId)).toMatchObject({ status: "ready" });
      return (await contentOf(exportId)).split("\n").length - 1;
    };
    expect(await lines({ kind: "APPOINTMENTS" })).toBe(1);
    expect(await lines({ kind: "APPOINTMENTS", filter: { status: "cancelled" } })).toBe(0);
    expect(
      await lines({ kind: "APPOINTMENTS", filter: { firstDay: "2001-01-01", lastDay: "2001-01-31" } }),
    ).toBe(0);
    expect(await lines({ kind: "CARE_SESSIONS" })).toBe(1);
    expect(await lines({ kind: "METRICS" })).toBeGreaterThanOrEqual(0);
  });

  it("writes nothing for somebody who has left, nor of an export of another organization or person", async () => {
    const { here, abroad, own, foreign, owner } = exports.world();
    const before = await exports.files();
    const left = await exports.ask(here.provider);
    await db.superuser.query("update app_public.clinic_memberships set active = false where user_id = $1", [
      here.provider.userId,
    ]);
    await exports.work();
    expect(await exports.record(left)).toMatchObject({ status: "requested", content_sha256: null });
    await db.superuser.query(
      "update app_public.organization_memberships set active = false where user_id = $1",
      [here.provider.userId],
    );
    await addJob(db, "export__write", { organizationId: own, exportId: left, actorId: here.provider.userId });
    await exports.work();
    expect(await exports.record(left)).toMatchObject({ status: "requested", content_sha256: null });
    for (const table of ["clinic_memberships", "organization_memberships"]) {
      await db.superuser.query(`update app_public.${table} set active = true where user_id = $1`, [
        here.provider.userId,
      ]);
    }
    const theirs = await exports.ask(abroad.provider, { clinicId: abroad.clinic.id });
    await db.superuser.query("delete from graphile_worker._private_jobs");
    for (const [organizationId, actorId] of [
      [own, here.provider.userId],
      [foreign, here.provider.userId],
      [own, abroad.provider.userId],
      [own, owner.userId],
    ]) {
      await addJob(db, "export__write", { organizationId, exportId: theirs, actorId });
    }
    await addJob(db, "export__write", {
      organizationId: own,
      exportId: left,
      actorId: here.clinicAdmin.userId,
    });
    await exports.work();
    expect(await exports.record(theirs)).toMatchObject({ status: "requested" });
    expect(await exports.record(left)).toMatchObject({ status: "requested" });
    expect(await exports.files()).toEqual(before);
  });

  it("stops when it is withdrawn: before, while it is written, and while it waits for its last word", async () => {
    const { here } = exports.world();
    const cancel = (exportId: string) =>
      exports.api.query(
        here.provider,
        "mutation ($id: UUID!) { cancelExport(input: { exportId: $id }) { result { status } } }",
        {
          variables: { id: exportId },
        },
      );
    const before = await exports.files();
    const waiting = await exports.ask(here.provider);
    expect((await cancel(waiting)).data.cancelExport.result).toEqual({ status: "CANCELLED" });
    await exports.work();

    const running = await exports.ask(here.provider, { kind: "METRICS" });
    await workHeldUp(running, async () => {
      expect((await cancel(running)).data.cancelExport.result).toEqual({ status: "CANCELLED" });
    });
    for (const exportId of [waiting, running]) {
      expect(await exports.record(exportId)).toMatchObject({ status: "cancelled", row_count: null });
    }
    expect(await exports.files()).toEqual(before);
    expect((await cancel(running)).errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
  });

  it("asks while it reads whether to go on, and leaves no file when not", async () => {
    const { here } = exports.world();
    const exportId = await exports.ask(here.provider);
    await db.asUser(here.provider, async ({ client }) => {
      const told: number[] = [];
      const written = await writeExport(client, {
        exportId,
        format: "csv",
        path: join(exports.folder(), "stopped.part"),
        signal: new AbortController().signal,
        progressInterval: 0,
        onProgress: async (rowCount) => told.push(rowCount) < 2,
      });
      expect(written).toBeNull();
      expect(told).toEqual([1000, 2000]);
    });
  });

  it("begins anew after its connection or its worker was killed, and clears away what is left", async () => {
    const { here, own } = exports.world();
    const exportId = await exports.ask(here.provider, { kind: "METRICS" });
    await workHeldUp(exportId, async (client) => {
      const waiting =
        "where datname = current_database() and usename = 'app_worker' and wait_event_type = 'Lock'";
      let killed = 0;
      for (let attempt = 0; killed === 0 && attempt < 200; attempt += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        killed =
          (await client.query(`select pg_terminate_backend(pid) from pg_stat_activity ${waiting}`))
            .rowCount ?? 0;
      }
      expect(killed).toBe(1);
    });
    expect(await exports.record(exportId)).toMatchObject({ status: "failed" });
    expect((await exports.files()).filter((file) => file.startsWith(exportId))).toEqual([]);

    // As a worker leaves it that was killed: half a file, and a status that is not true any more.
    const part = join(exports.folder(), `${exportId}.00000000-0000-4000-8000-000000000000.part`);
    await writeFile(part, "half");
    await utimes(part, 0, 0);
    await db.superuser.query("update app_public.export_requests set status = 'running' where id = $1", [
      exportId,
    ]);
    await addJob(db, "export__write", { organizationId: own, exportId, actorId: here.provider.userId });
    await exports.work();
    expect(await exports.record(exportId)).toMatchObject({ status: "ready" });
    await addJob(db, "export__clean_up", {});
    await exports.work();
    expect((await exports.files()).filter((file) => file.startsWith(exportId))).toEqual([
      expect.stringMatching(/-[0-9a-f]{64}$/),
    ]);
  });
});

describe("export__clean_up", () => {
  it("removes the files of exports that have expired, and no others", async () => {
    const { here } = exports.world();
    const [expired, kept] = [await exports.ask(here.provider), await exports.ask(here.provider)];
    await exports.work();
    for (const file of await readdir(exports.folder())) {
      await utimes(join(exports.folder(), file), 0, 0);
    }
    await db.superuser.query(
      "update app_public.export_requests set created_at = now() - interval '8 days', expires_at = now() where id = $1",
      [expired],
    );
    await addJob(db, "export__clean_up", {});
    await exports.work();
    const files = (await exports.files()).join(" ");
    expect(files).toMatch(kept);
    expect(files).not.toMatch(expired);
  });
});
