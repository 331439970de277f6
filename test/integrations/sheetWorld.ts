import { beforeAll, beforeEach } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { BOXES, commitAs, outboundConfig } from "../outbound/deliveries.ts";
import type { TestDatabase } from "../support/database.ts";
import { runJobs } from "../support/jobs.ts";
import { type SheetsServer, type TestTab, useSheetsServer } from "../support/sheetsServer.ts";

export const SPREADSHEET = "own-spreadsheet_1";
/** A row of the sheet as people read it. */
export const DAY = (day: string, sum: number) => [day, "call", "calls_received", "manual", sum, 1];

export interface SheetWorld {
  readonly google: SheetsServer;
  readonly world: World;
  /** Of the clinic `here`, connected with `tab`. */
  readonly integrationId: string;
  /** An empty one, beside another with a cell in it. */
  readonly tab: TestTab;
  /** An integration of the clinic `here` with these settings. */
  connect(settings: object): Promise<string>;
  /** Calls received on the first days of 2026, from day `first` on; written one after the other. */
  receiveCalls(first: number, values: readonly number[], clinic?: World["here"]["clinic"]): Promise<void>;
  work(): Promise<void>;
  /** By its mutation's function, as the owner. */
  sync(id?: string): Promise<void>;
  validate(): Promise<void>;
  lastRun(): Promise<Record<string, unknown>>;
  /** What stands below the head, without keys and marks. */
  figures(): (string | number)[][];
}

/** A world whose clinic is connected with a spreadsheet on a server of this machine; empty again before each test. */
export function useSheetWorld(db: TestDatabase): SheetWorld {
  const google = useSheetsServer();
  let world: World;
  let integrationId = "";
  let tab: TestTab;
  /** Again while something is due: one who looks right after a job may find its queue still locked. */
  async function work(turns = 5): Promise<void> {
    await runJobs(db, outboundConfig(db.config, google.url));
    const { rowCount } = await db.superuser.query(
      "select from graphile_worker._private_jobs where run_at <= now() and attempts < max_attempts",
    );
    if (rowCount !== 0 && turns > 1) {
      await work(turns - 1);
    }
  }

  async function connect(settings: object): Promise<string> {
    const { id: clinicId, organizationId } = world.here.clinic;
    const { rows } = await db.superuser.query<{ id: string }>(
      `insert into app_public.integrations (organization_id, clinic_id, provider, name, settings, connected_at)
       values ($1, $2, 'google_sheets', $3, $4, now()) returning id`,
      [organizationId, clinicId, `Sheet ${JSON.stringify(settings)}`, settings],
    );
    const id = rows[0]?.id ?? "";
    const sealed = BOXES?.integration_credentials.seal(id, google.keyFile);
    await db.superuser.query(
      `insert into app_private.integration_credentials
         (integration_id, organization_id, clinic_id, key_id, nonce, ciphertext)
       values ($1, $2, $3, $4, $5, $6)`,
      [id, organizationId, clinicId, sealed?.keyId, sealed?.nonce, sealed?.ciphertext],
    );
    return id;
  }

  beforeAll(async () => {
    world = await createWorld(db.superuser);
    await db.superuser.query("update app_public.subscriptions set plan = 'pro'");
  });
  beforeEach(async () => {
    await db.superuser.query("delete from app_public.integrations");
    await db.superuser.query("delete from app_public.call_metrics");
    await db.superuser.query("delete from app_public.notifications");
    await db.superuser.query("delete from graphile_worker._private_jobs");
    tab = { title: "It's figures", rows: [], length: 3 };
    google.spreadsheets.clear();
    google.spreadsheets.set(SPREADSHEET, [{ title: "Other", rows: [["mine"]], length: 10 }, tab]);
    google.requests.length = 0;
    integrationId = await connect({ spreadsheetId: SPREADSHEET, sheet: tab.title });
  });

  return {
    google,
    get world() {
      return world;
    },
    get integrationId() {
      return integrationId;
    },
    get tab() {
      return tab;
    },
    connect,
    async receiveCalls(first, values, clinic = world.here.clinic) {
      for (const [index, value] of values.entries()) {
        await db.superuser.query(
          `insert into app_public.call_metrics (organization_id, clinic_id, metric_key, day, source, value, note)
           values ($1, $2, 'calls_received', date '2026-01-01' + $3::int, 'manual', $4, 'canary-note')`,
          [clinic.organizationId, clinic.id, first + index, value],
        );
      }
    },
    work: () => work(),
    async sync(id = integrationId) {
      await commitAs(db, world.owner, "select app_public.sync_integration($1)", [id]);
      await work();
    },
    async validate() {
      await db.superuser.query(
        `select graphile_worker.add_job('integration__validate',
           json_build_object('organizationId', $1::uuid, 'integrationId', $2::uuid))`,
        [world.own, integrationId],
      );
      await work();
    },
    async lastRun() {
      const { rows } = await db.superuser.query(
        `select kind::text, status::text, rows_read, rows_written, failure
         from app_public.integration_sync_runs order by started_at desc, id desc limit 1`,
      );
      return rows[0] ?? {};
    },
    figures: () => tab.rows.slice(1).map((row) => row.slice(2)),
  };
}
