import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { writeExportFile } from "../../src/exports/exportFiles.ts";
import { writeExport } from "../../src/exports/writeExport.ts";
import { addJob } from "../tasks/organizationWork.ts";
import { useExportWorld } from "./exportWorld.ts";

const exports = useExportWorld();
const { db } = exports;

beforeEach(() => db.superuser.query("delete from graphile_worker._private_jobs"));

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
    await db.superuser.query(
      `insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, sex)
       select organization_id, home_clinic_id, mrn || '-' || n, given_name, family_name, birth_date, sex
       from app_public.patients cross join generate_series(1, 2500) n where id = $1`,
      [here.patient.id],
    );
    const exportId = await exports.ask(here.provider);
    const before = await exports.files();
    await db.asUser(here.provider, async ({ client }) => {
      const told: number[] = [];
      const written = await writeExportFile(exports.folder(), exportId, (path) =>
        writeExport(client, {
          exportId,
          format: "csv",
          path,
          signal: new AbortController().signal,
          progressInterval: 0,
          onProgress: async (rowCount) => told.push(rowCount) < 2,
        }),
      );
      expect(written).toBeNull();
      expect(told).toEqual([1000, 2000]);
    });
    expect(await exports.files()).toEqual(before);
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
