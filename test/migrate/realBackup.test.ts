import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { createOrganization } from "../../src/access/world/people.ts";
import { findPostgresProgram } from "../../src/backup/findPostgresProgram.ts";
import { useTestDatabase } from "../support/database.ts";
import { runBailiwick } from "../support/runBailiwick.ts";
import { useReleases } from "./useReleases.ts";

const TIMEOUT = 60_000;
const version = process.env.TEST_POSTGRES_VERSION === "15" ? 15 : 18;
const isHere = await findPostgresProgram("pg_dump", version, { path: process.env.PATH ?? "" }).then(
  () => true,
  () => false,
);

describe("a backup by pg_dump", () => {
  // No hook runs where every test is skipped, and the folder would stay.
  if (!isHere) {
    it.skip(`no pg_dump ${version} is here: install postgresql-client-${version}`, () => undefined);
    return;
  }
  const db = useTestDatabase();
  const { folder } = useReleases(db);

  it(
    "lets a release through, from the command line",
    async () => {
      await createOrganization(db.superuser, "Somebody's");
      await db.superuser.query(
        "delete from graphile_migrate.migrations where filename = (select max(m.filename) from graphile_migrate.migrations m)",
      );
      const file = join(folder, "real.dump");
      expect(await runBailiwick(db.config, "backup", "create", file)).toMatchObject({ code: 0 });
      const variables = {
        NODE_ENV: "production",
        JWT_SECRET: "a secret that is long enough for anybody to use",
        MIGRATION_LOG_FOLDER: folder,
      };
      const { database } = db.config;
      const { code, output } = await runBailiwick({ database, variables }, "migrate", "up", "--backup", file);
      expect(output).toContain(`"backup":{"file":"${file}","sha256":"`);
      expect(code).toBe(0);
    },
    TIMEOUT,
  );
});
