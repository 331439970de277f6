import { Pool } from "pg";

import { cloneDatabase } from "../../database/cloneDatabase.ts";
import { type DatabaseUrls, databaseUrls, withDatabase } from "../../database/databaseUrls.ts";
import type { OpenDatabase } from "../../database/openDatabase.ts";
import { createFullWorld, type FullWorld } from "../world/fullWorld.ts";
import { type Login, makeRolledBack } from "../world/rolledBack.ts";

/** Makes a clone that holds the world, with nobody connected to it: a template for others. */
export async function furnishWorld(
  { config, urls: empty }: OpenDatabase,
  name: string,
): Promise<{ urls: DatabaseUrls; world: FullWorld }> {
  await cloneDatabase(empty, name);
  const urls = databaseUrls(config.database, withDatabase(empty.superuser, name));
  const pools = new Map<Login, Pool>();
  const pool = (login: Login) => {
    const open = pools.get(login) ?? new Pool({ connectionString: urls[login], max: 2 });
    pools.set(login, open);
    return open;
  };
  try {
    return { urls, world: await createFullWorld(makeRolledBack(pool)) };
  } finally {
    await Promise.all([...pools.values()].map((open) => open.end()));
  }
}
