import { Client, Pool } from "pg";
import type { Logger } from "pino";

import type { DatabaseUrls } from "../../database/databaseUrls.ts";
import type { EmbeddedVersion } from "../../database/embedded/binaries.ts";
import { openThrowAwayDatabase } from "../../database/throwAway/openThrowAwayDatabase.ts";
import { createFullWorld, type FullWorld } from "./fullWorld.ts";
import { type Login, makeRolledBack } from "./rolledBack.ts";

/** A throw-away database with the world in it. */
export interface WorldDatabase {
  urls: DatabaseUrls;
  world: FullWorld;
  /** A connection of its own; whoever asks for it ends it. */
  open(login: Login): Promise<Client>;
  close(): Promise<void>;
}

/** Starts a Postgres, migrates it, the open migration included, and puts the world into it. Gone when it is closed. */
export async function openWorldDatabase(logger: Logger, version?: EmbeddedVersion): Promise<WorldDatabase> {
  const { urls, close } = await openThrowAwayDatabase(logger, version);
  try {
    return { urls, world: await buildWorld(urls), open: (login) => connect(urls[login]), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function buildWorld(urls: DatabaseUrls): Promise<FullWorld> {
  const pools = new Map<Login, Pool>();
  const pool = (login: Login) => {
    const open = pools.get(login) ?? new Pool({ connectionString: urls[login], max: 2 });
    pools.set(login, open);
    return open;
  };
  try {
    return await createFullWorld(makeRolledBack(pool));
  } finally {
    await Promise.all([...pools.values()].map((open) => open.end()));
  }
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: "bailiwick access matrix" });
  await client.connect();
  return client;
}
