import { withMigrationLock } from "../database/migrationLock.ts";
import type { PreparedDatabase } from "../database/prepareDatabase.ts";
import { seedDatabase } from "./seedDatabase.ts";

/**
 * Loads the demo data into a development database that holds neither people nor organizations. Of instances that start
 * at once, one does and the others wait for it.
 *
 * @returns whether it did.
 */
export async function seedEmptyDatabase(database: PreparedDatabase): Promise<boolean> {
  if (database.config.environment !== "development") {
    return false;
  }
  return withMigrationLock(database.urls.superuser, async (client) => {
    const { rowCount } = await client.query(
      "select from app_public.users union all select from app_public.organizations limit 1",
    );
    if (rowCount !== 0) {
      return false;
    }
    await seedDatabase(database);
    return true;
  });
}
