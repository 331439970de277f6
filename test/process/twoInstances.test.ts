import { readdirSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, jest } from "@jest/globals";
import { Client } from "pg";

import { findEmbeddedPostgres } from "../../src/database/embedded/startEmbeddedPostgres.ts";
import { BailiwickProcess } from "./bailiwickProcess.ts";
import { useScratchProject } from "./scratchProject.ts";

// Real clusters with real fsync, on whatever disk there is and beside whatever else runs.
jest.setTimeout(300_000);

const project = await useScratchProject();

describe("two instances started at the same moment on one empty database", () => {
  it("are both up, with every migration applied once, and share the server until the last one leaves", async () => {
    const instances = [
      new BailiwickProcess(project, ["start"]),
      new BailiwickProcess(project, ["start"]),
    ] as const;
    const [first, second] = instances;
    await Promise.all(instances.map((instance) => instance.says(/Ready in/)));

    const client = new Client({ connectionString: findEmbeddedPostgres(project.dataDir)?.superuserUrl });
    await client.connect();
    const { rows } = await client.query("select filename from graphile_migrate.migrations order by filename");
    await client.end();
    const committed = readdirSync(join(project.root, "migrations/committed")).filter((name) =>
      name.endsWith(".sql"),
    );
    expect(rows.map(({ filename }) => filename)).toEqual(
      committed.map((name) => `${name.slice(0, 6)}.sql`).sort(),
    );

    expect(await first.stop()).toMatchObject({ code: 0 });
    expect((await second.query("{ __typename }")).data).toEqual({ __typename: "Query" });
    expect(await second.stop()).toMatchObject({ code: 0 });
    expect(project.processes()).toEqual([]);
  });
});
