import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll } from "@jest/globals";

import { retainEvents } from "../../src/audit/retainEvents.ts";
import { readPublicKeys, trustedKeys } from "../../src/audit/signingKeys.ts";
import type { SignedTombstone } from "../../src/audit/tombstones.ts";
import type { AuditReport } from "../../src/audit/verifyAudit.ts";
import type { TestDatabase } from "../support/database.ts";
import type { Evidence } from "./evidence.ts";

export interface Retention {
  readonly exportFolder: string;
  /** When what is sealed now is old enough. */
  readonly later: Date;
  /** Puts events of these times on record, in one transaction. @returns their ids. */
  happened(organizationId: string | null, ...times: string[]): Promise<string[]>;
  /** Makes partitions for so many months. */
  makeMonths(firstDay: string, count: number): Promise<void>;
  /** retainEvents() as it would do it then. */
  retain(): Promise<SignedTombstone[]>;
  verify(options?: { exportFolder: string }): Promise<AuditReport>;
  /** How many events there are of a month, such as 2010-01. */
  countOf(month: string): Promise<number | undefined>;
}

/** The audit of a test's database, seven years later. */
export function useRetention(db: TestDatabase, evidence: Evidence): Retention {
  const exportFolder = mkdtempSync(join(tmpdir(), "bailiwick-exports-"));
  afterAll(() => rmSync(exportFolder, { recursive: true, force: true }));
  const later = new Date();
  later.setUTCFullYear(later.getUTCFullYear() + 7);
  return {
    exportFolder,
    later,
    verify: (options) => evidence.verify({ now: later, ...options }),
    async happened(organizationId, ...times) {
      const { rows } = await db.superuser.query<{ id: string }>(
        `insert into app_audit.events (occurred_at, organization_id, actor_role, command, table_name, row_id, changed_fields)
         select t, $1, 'app_worker', 'UPDATE', 'app_public.clinics', gen_random_uuid(), '{name}'
         from unnest($2::timestamptz[]) as t
         returning id`,
        [organizationId, times],
      );
      return rows.map(({ id }) => id);
    },
    makeMonths: (firstDay, count) =>
      db.inTransaction(async (client) => {
        await client.query("set local role app_owner");
        await client.query("select app_audit.create_partitions($1, $2)", [firstDay, count]);
        await client.query("commit");
      }),
    async retain() {
      const client = await evidence.pool.connect();
      try {
        return await retainEvents(client, {
          key: evidence.key(),
          keys: trustedKeys(readPublicKeys(evidence.keyFolder)),
          anchorFile: evidence.anchorFile,
          exportFolder,
          databaseName: db.name,
          now: later,
        });
      } finally {
        client.release();
      }
    },
    async countOf(month) {
      const { rows } = await db.superuser.query<{ count: number }>(
        "select count(*)::int from app_audit.events where to_char(occurred_at at time zone 'UTC', 'YYYY-MM') = $1",
        [month],
      );
      return rows[0]?.count;
    },
  };
}
