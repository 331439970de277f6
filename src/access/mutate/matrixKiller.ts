import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { type Client, DatabaseError } from "pg";

import { functionActors, matrixActors } from "../matrix/actors.ts";
import { compareMatrix, type MatrixChange, type MatrixLine } from "../matrix/matrixLine.ts";
import { probeMatrix } from "../matrix/probeMatrix.ts";
import { readTables } from "../matrix/readTables.ts";
import type { FullWorld } from "../world/fullWorld.ts";
import { actingAs } from "./actingAs.ts";
import type { BenchKiller } from "./killer.ts";

const AFFECTED_TABLES = join(import.meta.dirname, "affectedTables.sql");
/** How many of the tables that a mutant can affect are near it. */
const NEAR = 5;

export interface MatrixKillerOptions {
  world: FullWorld;
  /** Of the database without a mutant. */
  baseline: readonly MatrixLine[];
  schemas: readonly string[];
}

/**
 * Probes the tables that a mutant can affect, as everybody of the world, and compares with the database as it was. Those
 * that gave away an earlier mutant of the same object come first, then the nearest.
 */
export function makeMatrixKiller({ world, baseline, schemas }: MatrixKillerOptions): BenchKiller {
  const probed = [...new Set(baseline.map(({ table }) => table))];
  const telling = new Map<string | null, Set<string>>();
  const affected = new Map<string, readonly string[]>();
  const tablesOf = async (touches: string | null, client: Client) => {
    if (touches === null) {
      return probed;
    }
    const names = affected.get(touches) ?? (await readAffected(client, touches, schemas));
    affected.set(touches, names);
    return names.filter((name) => probed.includes(name));
  };
  const firstChange = async (client: Client, tables: readonly string[]) => {
    const lines = await probe(client, world, tables);
    // With a table come the functions that open its rows, under names of their own.
    const looked = new Set([...tables, ...lines.map(({ table }) => table)]);
    const before = baseline.filter(({ table }) => looked.has(table));
    return compareMatrix(before, lines)[0];
  };
  return {
    name: "matrix",
    looksAt: "transaction",
    async findEvidence({ touches }, client, reach) {
      const known = telling.get(touches) ?? new Set();
      telling.set(touches, known);
      const tables = await tablesOf(touches, client);
      const ordered = [...tables].sort((a, b) => Number(known.has(b)) - Number(known.has(a)));
      const some = reach === "near" ? ordered.slice(0, NEAR) : ordered.slice(NEAR);
      try {
        const change = some.length > 0 ? await firstChange(client, some) : undefined;
        if (change) {
          known.add(tableOf(change));
        }
        return change ? describe(change) : null;
      } catch (error) {
        return refusal(error);
      }
    },
  };
}

/**
 * What the matrix killer compares with, of a database without a mutant. Tasks are left to the tests.
 *
 * @param tables every one, unless given.
 */
export async function probeBaseline(
  client: Client,
  world: FullWorld,
  tables?: readonly string[],
): Promise<MatrixLine[]> {
  await client.query("begin");
  try {
    return await probe(client, world, tables ?? (await readTables(client)).map(({ name }) => name));
  } finally {
    await client.query("rollback");
  }
}

/** Tries as everybody in the page of the matrix, and as the roles of functions. */
function probe(client: Client, world: FullWorld, tables: readonly string[]): Promise<MatrixLine[]> {
  return probeMatrix((login) => Promise.resolve(actingAs(client, login)), world, {
    tables,
    actors: [...matrixActors(world), ...functionActors(world)],
  });
}

async function readAffected(
  client: Client,
  touches: string,
  schemas: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(await readFile(AFFECTED_TABLES, "utf8"), [
    touches,
    schemas,
  ]);
  return rows.map(({ name }) => name);
}

const tableOf = ({ before, after }: MatrixChange) => (after ?? before)?.table ?? "";

function describe({ before, after, direction }: MatrixChange): string {
  const { table, command, relation, who } = (after ?? before) as MatrixLine;
  return `${table}: ${command} of ${relation} by ${who} ${direction}, ${before?.outcome ?? "untried"} → ${after?.outcome ?? "untried"}`;
}

/** A database that cannot be probed any more has been noticed; a connection that broke shows nothing. */
function refusal(error: unknown): string {
  const isRefused =
    error instanceof DatabaseError || (error instanceof Error && /must not run/.test(error.message));
  if (!isRefused) {
    throw error;
  }
  return `cannot be probed: ${error.message}`;
}
