import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, expect, it } from "@jest/globals";
import pg from "pg";

import { createOrganization } from "../../src/access/world/people.ts";
import { makeRolledBack } from "../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { readAnchors } from "../../src/audit/anchors.ts";
import { readPublicKeys, trustedKeys } from "../../src/audit/signingKeys.ts";
import { manifestFileOf, readManifest } from "../../src/backup/backupManifest.ts";
import { createBackup } from "../../src/backup/createBackup.ts";
import { restoreBackup } from "../../src/backup/restoreBackup.ts";
import { verifyBackup } from "../../src/backup/verifyBackup.ts";
import { rolePassword } from "../../src/database/loginRoles.ts";
import { useEvidence } from "../audit/evidence.ts";
import { useTestDatabase } from "../support/database.ts";
import { runBailiwick } from "../support/runBailiwick.ts";
import { describeWithPgDump } from "./pgDump.ts";
import { useEmptyDatabase } from "./useEmptyDatabase.ts";

const TIMEOUT = 60_000;
const places = { path: process.env.PATH ?? "" };

describeWithPgDump("a backup", () => {
  const db = useTestDatabase();
  const evidence = useEvidence(db);
  const target = useEmptyDatabase();
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-backups-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "whole.dump");
  let world: World;

  beforeAll(async () => {
    world = await createWorld(db.superuser);
    await evidence.sealEverything();
  }, TIMEOUT);

  /** Aborts when the program is at work in the database. */
  const interruption = () => {
    const controller = new AbortController();
    const watch = async (application: string, connections: number) => {
      for (let seen = 0; seen < connections; await sleep(10)) {
        const { rows } = await db.superuser.query(
          "select from pg_catalog.pg_stat_activity where application_name = $1",
          [application],
        );
        seen = rows.length;
      }
      controller.abort(new Error("interrupted"));
    };
    return { signal: controller.signal, watch };
  };
  const findings = async () => {
    const keys = trustedKeys(readPublicKeys(evidence.keyFolder));
    const observations = await verifyBackup(target, {
      file,
      keys,
      anchors: readAnchors(evidence.anchorFile),
    });
    return observations
      .filter(({ isFinding }) => isFinding)
      .map(({ topic, sentence }) => `${topic}: ${sentence}`);
  };
  const schemas = async () => {
    const client = new pg.Client({ connectionString: target.urls.superuser });
    await client.connect();
    try {
      const { rows } = await client.query<{ name: string }>(
        "select nspname::text as name from pg_catalog.pg_namespace where nspname ~ '^(app_|graphile_)'",
      );
      return rows.map(({ name }) => name);
    } finally {
      await client.end();
    }
  };

  it("cannot be made by somebody from whom something is hidden, by grants or row security", async () => {
    const asOwner = { url: db.urls.owner, file, places };
    await expect(createBackup(asOwner)).rejects.toThrow(
      /permission denied for schema graphile_worker: .* none is/,
    );
    const queue = "schema graphile_worker";
    await db.superuser.query(
      `grant usage on ${queue} to app_owner; grant select on all tables in ${queue} to app_owner`,
    );
    await expect(createBackup(asOwner)).rejects.toThrow(
      /row-level security policy for table .*app_backup .*BYPASSRLS/,
    );
    expect(readdirSync(folder)).toEqual([]);
    await db.superuser.query(
      `revoke usage on ${queue} from app_owner; revoke select on all tables in ${queue} from app_owner`,
    );
  });

  it(
    "leaves nothing where it is interrupted",
    async () => {
      const { signal, watch } = interruption();
      const onStep = (step: string) => void (step === "writing the dump" && watch("bailiwick backup", 2));
      const made = createBackup({ url: db.urls.backup, file, places, signal, onStep });
      await expect(made).rejects.toThrow("interrupted");
      expect(readdirSync(folder)).toEqual([]);
    },
    TIMEOUT,
  );

  it(
    "is of one moment, for its owner's eyes, and never written over another",
    async () => {
      let later: Promise<string> | undefined;
      const onStep = (step: string) =>
        void (step === "writing the dump" && (later = createOrganization(db.superuser, "Too late")));
      const manifest = await createBackup({ url: db.urls.backup, file, places, onStep });
      await later;
      expect(manifest.rows).toMatchObject({ "app_public.organizations": 2, "app_public.patients": 4 });
      expect(manifest).toMatchObject({ database: db.name, checkpoint: expect.stringMatching(/^\d+$/) });
      expect(await readManifest(file)).toEqual(manifest);
      expect(readdirSync(folder).sort()).toEqual(["whole.dump", "whole.dump.json"]);
      expect([file, manifestFileOf(file)].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
      await expect(createBackup({ url: db.urls.backup, file, places })).rejects.toThrow(/is there already/);
    },
    TIMEOUT,
  );

  it("is not restored where one byte was changed, or the database is not empty", async () => {
    const changed = changedCopy();
    await expect(restoreBackup(target, { file: changed, places })).rejects.toThrow(/was changed since/);
    expect(await schemas()).toEqual([]);
    await expect(restoreBackup(db, { file, places })).rejects.toThrow(
      /not empty: it has app_audit, .*Nothing was/,
    );
  });

  it(
    "leaves nothing of it where the restore is interrupted",
    async () => {
      const { signal, watch } = interruption();
      const onStep = (step: string) => void (step === "restoring" && watch("bailiwick restore", 1));
      await expect(restoreBackup(target, { file, places, signal, onStep })).rejects.toThrow("interrupted");
      expect(await schemas()).toEqual([]);
    },
    TIMEOUT,
  );

  it(
    "makes the same database: rows, access, audit, and whoever may see what",
    async () => {
      // What came after the backup is anchored, too, and says nothing against it.
      await evidence.sealEverything();
      await restoreBackup(target, { file, places });
      expect(await findings()).toEqual([]);
      expect(await visiblePatients()).toEqual({ own: 1, foreign: 1, nobody: 0 });
    },
    TIMEOUT,
  );

  it(
    "is found to be another where a byte, a row, a policy, a migration or an event is",
    async () => {
      const client = new pg.Client({ connectionString: target.urls.superuser });
      await client.connect();
      await client.query("set session_replication_role to replica");
      await client.query("delete from app_public.notifications where id = $1", [world.here.notificationId]);
      await client.query("drop policy tenant_boundary on app_public.patients");
      await client.query(
        "update graphile_migrate.migrations set hash = 'sha1:another' where filename = '000003.sql'",
      );
      await client.query("alter table app_audit.events disable trigger user");
      await client.query("update app_audit.events set command = 'DELETE' where command = 'INSERT'");
      await client.end();

      // The audit's key and anchors are where the command looks for them by itself.
      const config = { database: { ...target.config.database, dataDir: evidence.dataDir } };
      const { code, output } = await runBailiwick(config, "backup", "verify", changedCopy());
      expect(output).toMatch(/^✗ file: .* was changed since it was written/m);
      expect(output).toMatch(/^✗ schema: 000003\.sql is another one in this release/m);
      expect(output).toMatch(/^✗ schema: 000004\.sql does not continue/m);
      expect(output).toMatch(/^- table app_public\.patients: policy tenant_boundary /m);
      expect(output).toMatch(/^✗ rows: app_public\.notifications has \d rows here; in the backup it has \d/m);
      expect(output).toMatch(/^✗ access: 0017_tenant_boundary_restrictive app_public\.patients: /m);
      expect(output).toMatch(/^✗ audit: Checkpoint \d+: /m);
      expect(output).toMatch(/^✓ database: app_recorder can sign in/m);
      expect(output).not.toContain(rolePassword(config.database.roleSecret ?? "", "app_backup"));
      expect(code).toBe(1);
    },
    TIMEOUT,
  );

  /** The backup, with one other byte in its middle; its manifest is the right one. */
  function changedCopy(): string {
    const copy = join(folder, "changed.dump");
    const bytes = readFileSync(file);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    writeFileSync(copy, bytes);
    copyFileSync(manifestFileOf(file), manifestFileOf(copy));
    return copy;
  }

  async function visiblePatients() {
    const pool = new pg.Pool({ connectionString: target.urls.gateway, max: 2 });
    const restored = makeRolledBack(() => pool);
    const count = "select count(*)::int from app_public.patients where organization_id = $1";
    try {
      const counts = await restored.asUser(world.abroad.provider, async (request) => ({
        own: await request.value("select count(*)::int from app_public.patients"),
        foreign: await request.value(count, [world.foreign]),
      }));
      const nobody = await restored.asUser(world.stranger, (request) =>
        request.value(count, [world.foreign]),
      );
      return { ...counts, nobody };
    } finally {
      await pool.end();
    }
  }
});
