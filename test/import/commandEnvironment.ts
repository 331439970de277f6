import type { TestDatabase } from "../support/database.ts";

/** With which the command line works on a test's database. */
export function commandEnvironment({ config, urls }: TestDatabase): Record<string, string> {
  const { database, auth } = config;
  return {
    NODE_ENV: "test",
    DATABASE_URL: urls.superuser,
    DATA_DIR: database.dataDir,
    ROLE_SECRET: database.roleSecret ?? "",
    JWT_SECRET: auth.jwtSecret ?? "",
  };
}
