import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll } from "@jest/globals";
import type { ClientBase, PoolClient } from "pg";
import pg from "pg";

import { anchorFileOf, readAnchors } from "../../src/audit/anchors.ts";
import {
  createSigningKey,
  readPublicKeys,
  readSigningKey,
  type SigningKey,
  trustedKeys,
} from "../../src/audit/signingKeys.ts";
import { sealAll } from "../../src/audit/startSealer.ts";
import { type AuditReport, verifyAudit, type VerifyOptions } from "../../src/audit/verifyAudit.ts";
import type { TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";

export interface Evidence {
  /** Has the key and the anchors where the command line looks for them by itself. */
  readonly dataDir: string;
  readonly keyFolder: string;
  readonly anchorFile: string;
  /** A connection of app_sealer. */
  readonly pool: pg.Pool;
  key(): SigningKey;
  seal(): Promise<number>;
  /** Waits until nothing that is on record is above the horizon, which other tests' transactions hold back too; then seals. */
  sealEverything(): Promise<void>;
  verify(options?: Partial<VerifyOptions>): Promise<AuditReport>;
  /** Changes the audit as a superuser who stops at nothing: triggers, keys between tables and row security are off. */
  tamper(...statements: string[]): Promise<void>;
}

/** Milliseconds that other tests' transactions may take. */
const PATIENCE = 25_000;

/** Seals and verifies the audit of a test's database with a key and an anchor file of its own. */
export function useEvidence(db: TestDatabase): Evidence {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-evidence-"));
  const keyFolder = join(folder, "audit-keys");
  const audit = {
    keyFolder,
    anchorFolder: join(folder, "audit-anchors"),
    exportFolder: null,
    sealInterval: 100,
  };
  const anchorFile = anchorFileOf(audit, db.urls.sealer);
  const pool = new pg.Pool({ connectionString: db.urls.sealer, max: 2 });
  db.beforeDrop(() => pool.end());
  beforeAll(() => void createSigningKey(keyFolder));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const key = () => {
    const present = readSigningKey(keyFolder);
    if (!present) {
      throw new Error("There is no key.");
    }
    return present;
  };
  const seal = async () => (await sealAll(pool, key(), anchorFile)).checkpoints;
  return {
    dataDir: folder,
    keyFolder,
    anchorFile,
    pool,
    key,
    seal,
    async sealEverything() {
      await eventually(() => isAllBelowHorizon(db), PATIENCE);
      await seal();
    },
    verify: (options) =>
      lend(pool, (client) =>
        verifyAudit(client, {
          keys: trustedKeys(readPublicKeys(keyFolder)),
          anchors: readAnchors(anchorFile),
          ...options,
        }),
      ),
    async tamper(...statements) {
      await lend(db.superuser, async (client) => {
        await client.query("begin");
        await client.query("set local session_replication_role to replica");
        for (const table of await auditTables(client)) {
          await client.query(`alter table ${table} disable trigger user`);
        }
        for (const statement of statements) {
          await client.query(statement);
        }
        await client.query("commit");
      });
    },
  };
}

async function isAllBelowHorizon({ superuser }: TestDatabase): Promise<boolean> {
  const { rows } = await superuser.query<{ is: boolean }>(
    `select not exists (
       select from app_audit.events e where e.transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
     ) as is`,
  );
  return rows[0]?.is ?? false;
}

async function auditTables(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select oid::regclass::text as name from pg_catalog.pg_class
     where relnamespace = 'app_audit'::regnamespace and relkind in ('r', 'p')`,
  );
  return rows.map(({ name }) => name);
}

async function lend<T>(pool: pg.Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    const result = await work(client);
    client.release();
    return result;
  } catch (error) {
    client.release(error as Error);
    throw error;
  }
}
