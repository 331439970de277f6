import { join } from "node:path";

import { expect, it } from "@jest/globals";

import { createOrganization } from "../../src/access/world/people.ts";
import { describeWithPgDump } from "../backup/pgDump.ts";
import { useTestDatabase } from "../support/database.ts";
import { runBailiwick } from "../support/runBailiwick.ts";
import { useReleases } from "./useReleases.ts";

const TIMEOUT = 60_000;

describeWithPgDump("a backup by pg_dump", () => {
  const db = useTestDatabase();
  const { folder } = useReleases(db);

  it(
    "lets a release through, from the command line",
    async () => {
      await createOrganization(db.superuser, "Somebody's");
      // It is pending again, and can be run once more: all that it does is to replace functions.
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
