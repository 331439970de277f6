import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { ClientBase } from "pg";

/** One thing that the catalogue says about who may do what; see accessFacts.sql. */
export interface AccessFact {
  kind:
    | "grant"
    | "permissive policy"
    | "restrictive policy"
    | "row security"
    | "membership"
    | "power"
    | "definer"
    | "code";
  role: string;
  object: string;
  command: string;
  name: string;
  value: string;
}

const QUERY_FILE = join(import.meta.dirname, "accessFacts.sql");

/** @param client any connection to the database, outside of any transaction. */
export async function readAccessFacts(client: ClientBase): Promise<AccessFact[]> {
  const query = await readFile(QUERY_FILE, "utf8");
  await client.query("begin read only");
  try {
    // Whether the catalogue functions qualify a name depends on the search_path, so it must not be the caller's.
    await client.query("set local search_path to pg_catalog");
    return (await client.query<AccessFact>(query)).rows;
  } finally {
    await client.query("rollback");
  }
}
