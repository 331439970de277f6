import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "csv-parse/sync";

import { createPatient } from "../../src/access/world/people.ts";
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
    expect(await lines({ kind: "METRICS" })).toBe(0);
    await db.superuser.query(
      `insert into app_public.call_metrics (organization_id, clinic_id, metric_key, day, source, value)
       select id, $2, 'calls_received', '2030-01-01', 'manual', 3 from app_public.organizations where id = $1`,
      [exports.world().own, here.clinic.id],
    );
    expect(await lines({ kind: "METRICS" })).toBe(1);
    expect(await lines({ kind: "METRICS", filter: { firstDay: "2030-01-02" } })).toBe(0);
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
});
