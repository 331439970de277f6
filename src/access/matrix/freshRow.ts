import { randomBytes, randomUUID } from "node:crypto";

import type { ProbedTable, TableReference } from "./readTables.ts";
import type { Row } from "./relations.ts";

const DAY = 86_400_000;
/** Of days: whole weeks, so that a Monday stays one. */
const FAR = 52 * 7;
const TENANT_TARGETS = ["app_public.organizations", "app_public.clinics"];

/** A reference to an organization or a clinic says whose the row is. */
export const isTenantReference = ({ target }: TableReference) => TENANT_TARGETS.includes(target);

/** The columns that say which organization's and clinics' a row is; of what belongs to a person, none. */
export function tenantColumns(table: ProbedTable): string[] {
  const columns = table.columns.map(({ name }) => name);
  if (!columns.includes("organization_id")) {
    return [];
  }
  const referring = table.references.filter(isTenantReference).flatMap((reference) => reference.columns);
  return columns.filter((name) => referring.includes(name) || /(^|_)(organization_id|clinic_id)$/.test(name));
}

/** The same; of a table without a tenant, the column that says which person's it is. */
export function ownerColumns(table: ProbedTable): string[] {
  const tenant = tenantColumns(table);
  return tenant.length > 0
    ? tenant
    : table.columns.map(({ name }) => name).filter((name) => name === "user_id");
}

/** A value that no row has yet, of the same type; undefined where the type has no more to give. */
export function freshValue(type: string, value: unknown): unknown {
  if (value === null || value === undefined) {
    return undefined;
  }
  switch (type) {
    case "uuid":
      return randomUUID();
    case "text":
      return `${String(value)}2`;
    case "bytea":
      return `\\x${randomBytes((String(value).length - 2) / 2).toString("hex")}`;
    case "integer":
    case "bigint":
      return Number(value) + 1_000;
    case "date":
      return new Date(Date.parse(String(value)) + FAR * DAY).toISOString().slice(0, 10);
    case "tstzrange":
      return String(value).replaceAll(/"([^"]+)"/g, (_, time: string) =>
        JSON.stringify(new Date(Date.parse(time) + FAR * DAY).toISOString()),
      );
    default:
      return undefined;
  }
}

/**
 * A copy of a row that collides with none: of each key, one column that is no reference gets a value that is new; of a
 * key of references alone, one gets another row of the same tenant to refer to. An id that is not chosen is new anyway.
 *
 * @param columns those that the insert may name.
 * @param all every row of every table.
 */
export function freshRow(
  table: ProbedTable,
  row: Row,
  columns: readonly string[],
  all: ReadonlyMap<string, readonly Row[]>,
): Row {
  const fresh: Record<string, unknown> = Object.fromEntries(columns.map((name) => [name, row[name] ?? null]));
  const typeOf = new Map(table.columns.map(({ name, type }) => [name, type]));
  const referring = new Set(table.references.flatMap((reference) => reference.columns));
  for (const { columns: keyColumns } of table.keys) {
    const isFresh = keyColumns.some((name) => columns.includes(name) && fresh[name] !== row[name]);
    const isNew = keyColumns.includes("id") && !columns.includes("id");
    const cannotCollide = keyColumns.some((name) => (row[name] ?? null) === null);
    if (isFresh || isNew || cannotCollide || !keyColumns.some((name) => columns.includes(name))) {
      continue;
    }
    const free = keyColumns.find(
      (name) =>
        columns.includes(name) &&
        !referring.has(name) &&
        freshValue(typeOf.get(name) ?? "", row[name]) !== undefined,
    );
    if (free !== undefined) {
      const type = typeOf.get(free) ?? "";
      const siblings = type === "date" ? columns.filter((name) => typeOf.get(name) === "date") : [free];
      siblings.forEach((name) => (fresh[name] = freshValue(type, row[name])));
    } else {
      Object.assign(fresh, otherReference(table, row, keyColumns, all));
    }
  }
  return fresh;
}

/** For a key of references alone: the columns of a reference, to another row of the same tenant, that make it free. */
function otherReference(
  table: ProbedTable,
  row: Row,
  keyColumns: readonly string[],
  all: ReadonlyMap<string, readonly Row[]>,
): Row {
  const tenant = ownerColumns(table);
  const taken = all.get(table.name) ?? [];
  const candidates = table.references
    .filter((reference) =>
      reference.columns.some((name) => keyColumns.includes(name) && !tenant.includes(name)),
    )
    .flatMap((reference) =>
      (all.get(reference.target) ?? []).map((target) =>
        Object.fromEntries(
          reference.columns.map((name, index) => [name, target[reference.targetColumns[index] ?? ""]]),
        ),
      ),
    )
    .filter((change) => tenant.every((name) => !(name in change) || change[name] === row[name]))
    .map((change) => ({ ...row, ...change }) as Row);
  const free = candidates.find(
    (candidate) => !taken.some((other) => keyColumns.every((name) => other[name] === candidate[name])),
  );
  return free === undefined ? {} : Object.fromEntries(keyColumns.map((name) => [name, free[name]]));
}
