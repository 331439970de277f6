import { type Config, parseConfig } from "../../src/config.ts";
import {
  databaseName,
  type DatabaseUrls,
  databaseUrls,
  withDatabase,
} from "../../src/database/databaseUrls.ts";
import type { OpenDatabase } from "../../src/database/openDatabase.ts";

/** The one server of a test run: the environment that names its migrated database, which each test file clones. */
export type TestCluster = Readonly<Record<string, string>>;

const VARIABLE = "BAILIWICK_TEST_CLUSTER";

/** Jest's workers are forked from the process that runs globalSetup and inherit its environment. */
export function publishTestCluster({ config, urls }: Pick<OpenDatabase, "config" | "urls">): void {
  const cluster: TestCluster = {
    NODE_ENV: "test",
    DATABASE_URL: urls.superuser,
    DATA_DIR: config.database.dataDir,
    ROLE_SECRET: config.database.roleSecret ?? "",
    JWT_SECRET: config.auth.jwtSecret ?? "",
    INTEGRATION_KEY: Buffer.alloc(32, 7).toString("base64"),
    LOG_LEVEL: process.env.LOG_LEVEL ?? "silent",
    PORT: "0",
    ADMIN_PORT: "0",
  };
  process.env[VARIABLE] = JSON.stringify(cluster);
}

/** Whether the environment names a server already. */
export const isTestClusterPublished = () => Boolean(process.env[VARIABLE]);

/** @returns the configuration and connections of one database of the test cluster; without a name, of the template. */
export function testCluster(database?: string): { config: Config; urls: DatabaseUrls } {
  const published = process.env[VARIABLE];
  if (!published) {
    throw new Error("There is no test cluster: tests that use a database run under Jest (npm test).");
  }
  const cluster: TestCluster = JSON.parse(published);
  const templateUrl = cluster.DATABASE_URL ?? "";
  const url = withDatabase(templateUrl, database ?? databaseName(templateUrl));
  const config = parseConfig({ ...cluster, DATABASE_URL: url });
  return { config, urls: databaseUrls(config.database, url) };
}
