import type { Client } from "pg";

import { assertPowerless } from "../world/assertPowerless.ts";
import type { FullWorld } from "../world/fullWorld.ts";
import { applySettings, type Login } from "../world/rolledBack.ts";
import { type MatrixActor, matrixActors } from "./actors.ts";
import { matrixGaps } from "./matrixGaps.ts";
import { COLUMNS, type MatrixLine } from "./matrixLine.ts";
import { probeDoors } from "./probeDoors.ts";
import { probeOracles } from "./probeOracles.ts";
import { probeTasks } from "./probeTasks.ts";
import { probeWrites } from "./probeWrites.ts";
import { grantedColumns, type ProbedTable, readTables, ROLES } from "./readTables.ts";
import { Relations, type Row } from "./relations.ts";
import { type ProbedDatabase, readSights } from "./sights.ts";

/** What is opened by the functions that are tried. */
const DOORS_OF = "app_vault.healthcare_shares";

/** A connection of its own as one of the logins; it is ended by whoever asked for it. */
export type OpenConnection = (login: Login) => Promise<Client>;

export interface ProbeOptions {
  /** Of these tables only, by schema and name; all of them otherwise. */
  tables?: readonly string[];
  /** Who tries; everybody of the world and the servers otherwise. */
  actors?: readonly MatrixActor[];
  /** Told after each actor. */
  onProgress?: (done: number, total: number) => void;
  /** Whether what an actor could do is all that has to be known; then nobody else tries. */
  isEnough?: (lines: readonly MatrixLine[], actor: MatrixActor) => boolean;
}

export interface ProbedMatrix {
  lines: MatrixLine[];
  /** What was not shown; empty unless a table or task lacks its probes. */
  gaps: string[];
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
  world: FullWorld,
  options: ProbeOptions = {},
): Promise<MatrixLine[]> {
  return (await runMatrix(open, world, options)).lines;
}

/** The same, with what could not be shown. */
export async function runMatrix(
  open: OpenConnection,
  world: FullWorld,
  { tables, actors = matrixActors(world), onProgress, isEnough }: ProbeOptions = {},
): Promise<ProbedMatrix> {
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
    const lines: MatrixLine[] = [];
    for (const [index, actor] of actors.entries()) {
      const probe = (client: Client) => probeActor(client, actor, { database, probed, world });
      const found = await asLogin(actor.login, probe);
      lines.push(...found);
      onProgress?.(index + 1, actors.length);
      if (isEnough?.(found, actor)) {
        break;
      }
    }
    const tasks =
      tables === undefined ? await asLogin("superuser", (client) => probeTasks(client, world)) : NO_TASKS;
    const gaps = matrixGaps(database, probed, lines, {
      provider: database.relations.placeOf(world.here.provider.userId),
      breakGlass: database.relations.placeOf(world.breakGlass.userId),
    });
    return {
      lines: [...lines, ...probed.flatMap(columnLines), ...tasks.lines],
      gaps: [...gaps, ...tasks.gaps],
    };
  } finally {
    await Promise.all([...clients.values()].map((client) => client.end()));
  }
}

const NO_TASKS: ProbedMatrix = { lines: [], gaps: [] };

/** Every row, as somebody whom row security does not hold. */
async function readDatabase(client: Client): Promise<ProbedDatabase> {
  const tables = await readTables(client);
  const rows = await readRows(client, tables);
  return { tables, rows, relations: new Relations(tables, rows) };
}

async function readRows(
  client: Client,
  tables: readonly ProbedTable[],
): Promise<Map<string, readonly Row[]>> {
  const queries = tables.map(
    ({ name }, index) => `select ${index} as table, to_jsonb(t) as row from ${name} t`,
  );
  const { rows } = await client.query<{ table: number; row: Row }>(queries.join("\nunion all\n"));
  const found = Map.groupBy(rows, ({ table }) => table);
  return new Map(
    tables.map(({ name }, index) => {
      const sorted = (found.get(index) ?? []).map(({ row }) => ({ row, order: orderOf(row) }));
      sorted.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
      return [name, sorted.map(({ row }) => row)];
    }),
  );
}

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** The order in which the world was made; never that of ids, which are other ones each time. */
function orderOf(row: Row): string {
  return `${String(row.created_at ?? row.occurred_at ?? "")} ${JSON.stringify(row).replaceAll(UUID, "")}`;
}

/** Which columns a role may use at all: what a grid of rows does not show. */
function columnLines(table: ProbedTable): MatrixLine[] {
  return ROLES.flatMap((who) =>
    (["select", "insert", "update"] as const).flatMap((relation) => {
      const columns = grantedColumns(table, relation, who);
      const outcome = columns.join(", ");
      return columns.length > 0 ? [{ table: table.name, command: COLUMNS, relation, who, outcome }] : [];
    }),
  );
}

interface Probed {
  database: ProbedDatabase;
  probed: readonly ProbedTable[];
  world: FullWorld;
}

async function probeActor(
  client: Client,
  actor: MatrixActor,
  { database, probed, world }: Probed,
): Promise<MatrixLine[]> {
  await client.query("set constraints all immediate");
  await applySettings(client, actor.settings);
  await assertPowerless(client);
  const names = new Set(probed.map(({ name }) => name));
  const doors = names.has(DOORS_OF) ? await probeDoors(client, actor, database, world) : [];
  if (actor.before !== undefined) {
    await client.query(actor.before);
  }
  // What a reference points to is looked at, too: which of its rows the actor does not see.
  const targets = new Set(probed.flatMap(({ references }) => references.map(({ target }) => target)));
  const needed = database.tables.filter(({ name }) => names.has(name) || targets.has(name));
  const { sights, lines } = await readSights(client, actor, database, needed);
  const own = sights.filter(({ table }) => names.has(table.name));
  const writes = await probeWrites(client, actor, database, own);
  // An import chooses ids and keys, and whoever runs one can read the tables: it has nothing to ask by guessing.
  const oracles = actor.role === "app_data" ? [] : await probeOracles(client, actor, writes, sights);
  return [
    ...lines.filter(({ table }) => names.has(table)),
    ...writes.flatMap((write) => write.lines),
    ...oracles,
    ...doors,
  ];
}
