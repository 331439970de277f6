import type { Client } from "pg";

import { assertPowerless } from "../world/assertPowerless.ts";
import { applySettings, type Login } from "../world/rolledBack.ts";
import type { World } from "../world/world.ts";
import { type MatrixActor, matrixActors } from "./actors.ts";
import type { MatrixLine } from "./matrixLine.ts";
import { probeOracles } from "./probeOracles.ts";
import { probeWrites } from "./probeWrites.ts";
import { type ProbedTable, readTables } from "./readTables.ts";
import { Relations, type Row } from "./relations.ts";
import { type ProbedDatabase, readSights } from "./sights.ts";

/** A connection of its own as one of the logins; it is ended by whoever asked for it. */
export type OpenConnection = (login: Login) => Promise<Client>;

export interface ProbeOptions {
  /** Of these tables only, by schema and name; all of them otherwise. */
  tables?: readonly string[];
  /** Told after each actor. */
  onProgress?: (done: number, total: number) => void;
}

/**
 * Tries every command on rows of every relation, as every kind of person and every server's role, in transactions that
 * are rolled back. Nothing is read from a policy's text.
 *
 * @param world the people and rows that `createFullWorld` has put into the database.
 * @returns lines in a stable order, with no id or time in them.
 */
export async function probeMatrix(
  open: OpenConnection,
  world: World,
  { tables, onProgress }: ProbeOptions = {},
): Promise<MatrixLine[]> {
  const clients = new Map<Login, Client>();
  // One connection a login: a new one has to read the catalogue again, which takes longer than what one actor tries.
  const asLogin = async <T>(login: Login, work: (client: Client) => Promise<T>): Promise<T> => {
    const client = clients.get(login) ?? (await open(login));
    clients.set(login, client);
    await client.query("begin");
    return work(client).finally(() => client.query("rollback"));
  };
  try {
    const database = await asLogin("superuser", readDatabase);
    const probed = database.tables.filter(({ name }) => tables === undefined || tables.includes(name));
    const actors = matrixActors(world);
    const lines: MatrixLine[] = [];
    for (const [index, actor] of actors.entries()) {
      lines.push(...(await asLogin(actor.login, (client) => probeActor(client, actor, database, probed))));
      onProgress?.(index + 1, actors.length);
    }
    return lines;
  } finally {
    await Promise.all([...clients.values()].map((client) => client.end()));
  }
}

/** Every row, as somebody whom row security does not hold. */
async function readDatabase(client: Client): Promise<ProbedDatabase> {
  const tables = await readTables(client);
  const rows = new Map<string, readonly Row[]>();
  for (const { name } of tables) {
    rows.set(name, await readRows(client, name));
  }
  return { tables, rows, relations: new Relations(tables, rows) };
}

async function readRows(client: Client, table: string): Promise<Row[]> {
  // A view that asks who is asking fails for somebody without a session; its rows are then known to nobody else.
  const { rows } = await client.query<{ row: Row }>(
    `select to_jsonb(t) as row from ${table} t order by t::text`,
  );
  return rows.map(({ row }) => row);
}

async function probeActor(
  client: Client,
  actor: MatrixActor,
  database: ProbedDatabase,
  probed: readonly ProbedTable[],
): Promise<MatrixLine[]> {
  await client.query("set constraints all immediate");
  await applySettings(client, actor.settings);
  await assertPowerless(client);
  if (actor.before !== undefined) {
    await client.query(actor.before);
  }
  const names = new Set(probed.map(({ name }) => name));
  // What a reference points to is looked at, too: which of its rows the actor does not see.
  const targets = new Set(probed.flatMap(({ references }) => references.map(({ target }) => target)));
  const needed = database.tables.filter(({ name }) => names.has(name) || targets.has(name));
  const { sights, lines } = await readSights(client, actor, database, needed);
  const writes = await probeWrites(
    client,
    actor,
    database,
    sights.filter(({ table }) => names.has(table.name)),
  );
  const oracles = await probeOracles(client, actor, writes, sights);
  return [
    ...lines.filter(({ table }) => names.has(table)),
    ...writes.flatMap((write) => write.lines),
    ...oracles,
  ];
}
