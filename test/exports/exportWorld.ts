import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import type { Config } from "../../src/config.ts";
import { type Actor, useTestDatabase } from "../support/database.ts";
import { type GraphqlAnswer, useGateway } from "../support/graphql.ts";
import { runJobs } from "../support/jobs.ts";

const REQUEST = `mutation ($kind: ExportKind!, $format: ExportFormat, $filter: ExportFilterInput, $clinicId: UUID!) {
  requestExport(input: { kind: $kind, format: $format, filter: $filter, clinicId: $clinicId }) { result { rowId status } }
}`;
const LINK =
  "mutation ($exportId: UUID!) { createExportLink(input: { exportId: $exportId }) { result { path expiresAt } } }";

export interface Asked {
  kind?: string;
  format?: "CSV" | "NDJSON";
  filter?: Record<string, string>;
  clinicId?: string;
}

/** A world with a gateway and a folder for exports, and the steps that an export takes. */
export function useExportWorld(configure: (config: Config) => Config = (config) => config) {
  const db = useTestDatabase();
  let folder = "";
  let world: World | undefined;
  const configured = (config: Config): Config => configure({ ...config, exports: { folder } });
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "bailiwick-exports-"));
  });
  const api = useGateway(db, { configure: configured });
  beforeAll(async () => {
    world = await createWorld(db.superuser);
    await db.superuser.query("delete from graphile_worker._private_jobs");
  });
  afterAll(() => rm(folder, { recursive: true }));
  const theWorld = () => world!;

  return {
    db,
    api,
    world: theWorld,
    folder: () => folder,
    files: () => readdir(folder),
    /** Works off the queue, into the folder. */
    work: () => runJobs(db, configured(db.config)),
    /** Asks for an export; its id. */
    async ask(
      person: Actor,
      { kind = "PATIENTS", format = "CSV", filter, clinicId }: Asked = {},
    ): Promise<string> {
      const variables = { kind, format, filter, clinicId: clinicId ?? theWorld().here.clinic.id };
      const { data, errors } = await api.query(person, REQUEST, { variables });
      if (errors) {
        throw new Error(`${errors[0]?.extensions?.code}: ${errors[0]?.message}`);
      }
      return data.requestExport.result.rowId;
    },
    link: (person: Actor, exportId: string): Promise<GraphqlAnswer> =>
      api.query(person, LINK, { variables: { exportId } }),
    /** Makes a link and follows it. */
    async fetch(person: Actor, exportId: string): Promise<Response> {
      const { data } = await api.query(person, LINK, { variables: { exportId } });
      return fetch(`${api.url}${data.createExportLink.result.path}`);
    },
    async record(exportId: string) {
      const { rows } = await db.superuser.query(
        `select status, row_count, byte_count::int, content_sha256, download_count
         from app_public.export_requests where id = $1`,
        [exportId],
      );
      return rows[0];
    },
  };
}
