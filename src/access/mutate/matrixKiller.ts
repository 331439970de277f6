import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { type Client, DatabaseError } from "pg";

import { functionActors, type MatrixActor, matrixActors } from "../matrix/actors.ts";
import { COLUMNS, compareMatrix, type MatrixChange, type MatrixLine } from "../matrix/matrixLine.ts";
import { probeMatrix, type ProbeOptions } from "../matrix/probeMatrix.ts";
import { readTables } from "../matrix/readTables.ts";
import type { FullWorld } from "../world/fullWorld.ts";
import { actingAs } from "./actingAs.ts";
import type { BenchKiller } from "./killer.ts";

const AFFECTED_TABLES = join(import.meta.dirname, "affectedTables.sql");
/** How many of the tables that a mutant can affect are near it. */
const NEAR = 3;

export interface MatrixKillerOptions {
  world: FullWorld;
  /** Of the database without a mutant. */
  baseline: readonly MatrixLine[];
  schemas: readonly string[];
}

/**
 * Probes the tables that a mutant can affect, as everybody of the world, and compares with the database as it was, until
 * somebody could do something else. The tables that gave away an earlier mutant of the same object come first, then the
 * nearest; and first of all people, whoever gave away most mutants of the same operator.
 */
export function makeMatrixKiller({ world, baseline, schemas }: MatrixKillerOptions): BenchKiller {
  const probed = [...new Set(baseline.map(({ table }) => table))];
  const everybody = [...matrixActors(world), ...functionActors(world)];
  const telling = new Map<string | null, Set<string>>();
  const tellers = new Map<string, number>();
  const affected = new Map<string, readonly string[]>();
  const tablesOf = async (touches: string | null, client: Client) => {
    if (touches === null) {
      return probed;
    }
    const names = affected.get(touches) ?? (await readAffected(client, touches, schemas));
    affected.set(touches, names);
    return names.filter((name) => probed.includes(name));
  };
  const firstChange = async (client: Client, tables: readonly string[], operator: string) => {
    const told = ({ who }: MatrixActor) => tellers.get(`${operator} ${who}`) ?? 0;
    const actors = everybody.toSorted((a, b) => told(b) - told(a));
    let change: MatrixChange | undefined;
    const isEnough = (found: readonly MatrixLine[], { who }: MatrixActor) => {
      change = compareWith(baseline, tables, found, (line) => line.who === who && line.command !== COLUMNS);
      return change !== undefined;
    };
    const lines = await probe(client, world, { tables, actors, isEnough });
    change ??= compareWith(baseline, tables, lines);
    const teller = `${operator} ${(change?.after ?? change?.before)?.who}`;
    tellers.set(teller, (tellers.get(teller) ?? 0) + 1);
    return change;
  };
  return {
    name: "matrix",
    looksAt: "transaction",
    async findEvidence({ touches, operator }, client, reach) {
      const known = telling.get(touches) ?? new Set();
      telling.set(touches, known);
      const tables = await tablesOf(touches, client);
      const ordered = [...tables].sort((a, b) => Number(known.has(b)) - Number(known.has(a)));
      // Most show at once in the first.
      const steps = reach === "near" ? [ordered.slice(0, 1), ordered.slice(1, NEAR)] : [ordered.slice(NEAR)];
      try {
        for (const some of steps.filter(({ length }) => length > 0)) {
          const change = await firstChange(client, some, operator);
          if (change) {
            known.add(tableOf(change));
            return describe(change);
          }
        }
        return null;
      } catch (error) {
        return refusal(error);
      }
    },
  };
}

/** The first difference between what was found of some tables and what the baseline holds of them. */
function compareWith(
  baseline: readonly MatrixLine[],
  tables: readonly string[],
  found: readonly MatrixLine[],
  isAsked: (line: MatrixLine) => boolean = () => true,
): MatrixChange | undefined {
  // With a table come the functions that open its rows, under names of their own.
  const looked = new Set([...tables, ...found.map(({ table }) => table)]);
  const before = baseline.filter((line) => looked.has(line.table) && isAsked(line));
  return compareMatrix(before, found)[0];
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
    return await probe(client, world, {
      tables: tables ?? (await readTables(client)).map(({ name }) => name),
      actors: [...matrixActors(world), ...functionActors(world)],
    });
  } finally {
    await client.query("rollback");
  }
}

function probe(client: Client, world: FullWorld, options: ProbeOptions): Promise<MatrixLine[]> {
  return probeMatrix((login) => Promise.resolve(actingAs(client, login)), world, options);
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
