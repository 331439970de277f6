import { randomUUID } from "node:crypto";

import type { Client } from "pg";

import type { MatrixActor } from "./actors.ts";
import { tenantColumns } from "./freshRow.ts";
import type { MatrixLine } from "./matrixLine.ts";
import { insertRow, keyOf, setConstants, updateRows } from "./probedSql.ts";
import type { Writes } from "./probeWrites.ts";
import { grantedColumns, type ProbedTable, type TableReference } from "./readTables.ts";
import type { Row } from "./relations.ts";
import { type Answer, runStatements } from "./runStatements.ts";
import { failure, type Sight, unseenRows } from "./sights.ts";

/** Two statements that must get one answer: the first meets a row that the actor does not see, the second none. */
interface Pair {
  table: string;
  command: string;
  met: string;
  free: string;
  /** Only these SQLSTATEs tell one from the other. */
  telling?: readonly string[];
}

const UNSEEN = "unseen";
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
/** Unique and exclusion violation. */
const COLLISIONS = ["23505", "23P01"];

/** Asks, by references and by keys that collide, whether rows exist that the actor does not see. */
export async function probeOracles(
  client: Client,
  actor: MatrixActor,
  writes: readonly Writes[],
  targets: readonly Sight[],
): Promise<MatrixLine[]> {
  const sights = new Map(targets.map((sight) => [sight.table.name, sight]));
  const pairs = writes.flatMap((write) => [
    ...write.sight.table.references.flatMap((reference) =>
      referencePairs(write, reference, sights.get(reference.target), actor),
    ),
    ...keyPairs(write, actor),
  ]);
  const answers = await runStatements(
    client,
    pairs.flatMap(({ met, free }) => [{ sql: met }, { sql: free }]),
  );
  const outcomes = pairs.map((pair, index) => ({
    ...pair,
    outcome: compare(answers[2 * index] as Answer, answers[2 * index + 1] as Answer, pair.telling),
  }));
  const groups = Map.groupBy(outcomes, ({ table, command }) => `${table} ${command}`);
  return [...groups.values()].map((group): MatrixLine => {
    const [{ table, command } = { table: "", command: "" }] = group;
    const telling = [...new Set(group.map(({ outcome }) => outcome))].filter((outcome) => outcome !== "same");
    return { table, command, relation: UNSEEN, who: actor.who, outcome: telling.sort().join(", ") || "same" };
  });
}

function compare(met: Answer, free: Answer, telling?: readonly string[]): string {
  if (met.state === null) {
    return free.state === null ? "same" : "accepted";
  }
  const isSame = met.state === free.state && masked(met) === masked(free);
  if (isSame || (telling && !telling.includes(met.state))) {
    return "same";
  }
  return `differs (${failure(met)}, ${free.state === null ? "done" : failure(free)})`;
}

const masked = ({ message }: Answer) => message?.replaceAll(UUID, "…");

/** What of a reference says which row is meant, and not whose. */
function pointingColumns(table: ProbedTable, { columns }: TableReference): string[] {
  const tenant = tenantColumns(table);
  const smaller = table.references.filter((other) => other.columns.length < columns.length);
  const named = new Set([...tenant, ...smaller.flatMap((other) => other.columns)]);
  const pointing = columns.filter((name) => !named.has(name));
  return pointing.length > 0 ? pointing : columns.filter((name) => name !== "organization_id");
}

/** A reference to a row that the actor does not see, and to one that is not there. */
function referencePairs(
  { sight: { table, keyColumns }, insertable, updatable }: Writes,
  reference: TableReference,
  target: Sight | undefined,
  { role }: MatrixActor,
): Pair[] {
  const pointing = pointingColumns(table, reference);
  const command = `reference ${pointing.join(", ")}`;
  const inserted = grantedColumns(table, "insert", role);
  const updated = grantedColumns(table, "update", role);
  const uuids = table.columns.filter(({ type }) => type === "uuid").map(({ name }) => name);
  if (target === undefined || !pointing.some((name) => uuids.includes(name))) {
    return [];
  }
  return unseenRows(target).flatMap((unseen) => {
    const points = (names: readonly string[]) =>
      Object.fromEntries(
        names.map((name) => [name, unseen[reference.targetColumns[reference.columns.indexOf(name)] ?? ""]]),
      );
    const misses = (names: readonly string[]) => ({
      ...points(names),
      ...Object.fromEntries(
        pointing.filter((name) => uuids.includes(name)).map((name) => [name, randomUUID()]),
      ),
    });
    const pairs: Pair[] = [];
    const whole = reference.columns.filter((name) => name !== "organization_id" && name !== "clinic_id");
    for (const names of [pointing, ...(whole.length > pointing.length ? [whole] : [])]) {
      if (insertable !== undefined && names.every((name) => inserted.includes(name))) {
        const sql = (change: Row) => insertRow(table, { ...insertable, ...change }, inserted);
        pairs.push({ table: table.name, command, met: sql(points(names)), free: sql(misses(names)) });
      }
      if (updatable !== undefined && names.every((name) => updated.includes(name))) {
        const sql = (change: Row) =>
          updateRows(table, setConstants(table, change, names), [updatable], keyColumns);
        pairs.push({ table: table.name, command, met: sql(points(names)), free: sql(misses(names)) });
      }
    }
    return pairs;
  });
}

/** A row of the actor's own that collides with one that they do not see, and one that collides with none. */
function keyPairs({ sight, insertable }: Writes, { role }: MatrixActor): Pair[] {
  const { table } = sight;
  const inserted = grantedColumns(table, "insert", role);
  if (insertable === undefined) {
    return [];
  }
  return table.keys.flatMap(({ columns }) => {
    const chosen = columns.filter((name) => inserted.includes(name) && !tenantColumns(table).includes(name));
    if (chosen.length === 0) {
      return [];
    }
    return collidingRows(sight, columns, insertable, inserted).map((unseen): Pair => {
      const collision = Object.fromEntries(chosen.map((name) => [name, unseen[name]]));
      return {
        table: table.name,
        command: `unique ${chosen.join(", ")}`,
        met: insertRow(table, { ...insertable, ...collision }, inserted),
        free: insertRow(table, insertable, inserted),
        telling: COLLISIONS,
      };
    });
  });
}

/** Rows that the actor does not see, and with which a row of their own could collide: those that share its tenant. */
function collidingRows(
  { table, rows, keyColumns, seen }: Sight,
  columns: readonly string[],
  own: Row,
  inserted: readonly string[],
): Row[] {
  const fixed = columns.filter((name) => inserted.includes(name) && tenantColumns(table).includes(name));
  const isUnseen = (row: Row) => !seen.has(keyOf(row, keyColumns));
  return rows
    .filter((row) => isUnseen(row) && columns.every((name) => (row[name] ?? null) !== null))
    .filter((row) => fixed.every((name) => row[name] === own[name]))
    .slice(0, 1);
}
