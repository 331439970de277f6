import { COLUMN_TYPES } from "./columnTypes.ts";
import type { NewColumn, NewTable } from "./newTable.ts";
import { tenantColumns } from "./wording.ts";

const MAXIMUM_IDENTIFIER = 63;
const TEXT_LIMIT = 1000;

/** `current/NNN-<name>.sql`: the table with its tenant, keys and indexes, and the line that takes in its fixture. */
export function migrationSql(table: NewTable): string {
  const { domain, name, scope, columns } = table;
  const definitions = [
    "id uuid primary key default app_hidden.uuid_v7()",
    ...tenantDefinitions(table),
    ...columns.map(({ name: column, type, isOptional }) =>
      `${column} ${COLUMN_TYPES[type]?.sql} ${isOptional ? "" : "not null"}`.trimEnd(),
    ),
    "created_at timestamptz not null default now()",
    "updated_at timestamptz not null default now()",
    "created_by uuid",
    "updated_by uuid",
    `unique (${[...tenantColumns(table), "id"].join(", ")})`,
    ...(scope === "clinic"
      ? [
          "foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict",
        ]
      : []),
    ...columns.flatMap(foreignKey),
    ...columns
      .filter(({ type }) => type === "text")
      .map(({ name: column }) => {
        const constraint = fitting(`${name}_${column}_is_short`, `${column}_is_short`);
        return `constraint ${constraint} check (length(${column}) <= ${TEXT_LIMIT})`;
      }),
  ];
  return `create table if not exists app_public.${name} (
${definitions.map((definition) => `  ${definition}`).join(",\n")}
);
${indexes(table).join("\n")}

--!include ${domain}/${name}.sql

select app_audit.note_sensitivity();
`;
}

function tenantDefinitions({ scope }: NewTable): string[] {
  const organization = "organization_id uuid not null default app_hidden.default_organization_id()";
  return scope === "clinic"
    ? [organization, "clinic_id uuid not null default app_hidden.default_clinic_id()"]
    : [`${organization}\n    references app_public.organizations on delete restrict`];
}

function foreignKey({ name, reference }: NewColumn): string[] {
  if (reference === null) {
    return [];
  }
  const tenant = referenceTenant(reference);
  return [
    `foreign key (${[...tenant, name].join(", ")})
    references app_public.${reference.table} (${[...tenant, "id"].join(", ")}) on delete restrict`,
  ];
}

function referenceTenant({ holdsClinic }: { holdsClinic: boolean }): string[] {
  return holdsClinic ? ["organization_id", "clinic_id"] : ["organization_id"];
}

/** For the lists of an organization, of a clinic and of what a row refers to, the newest first; each leads a foreign key. */
function indexes({ name, scope, columns }: NewTable): string[] {
  const lists = [
    ["organization_id"],
    ...(scope === "clinic" ? [["organization_id", "clinic_id"]] : []),
    ...columns.flatMap((column) =>
      column.reference === null ? [] : [[...referenceTenant(column.reference), column.name]],
    ),
  ];
  return lists.map((led) => {
    const full = `${name}_${led.join("_")}${led.length === 1 ? "_created_at" : ""}_idx`;
    const index = fitting(full, `${name}_${led.at(-1)}_idx`);
    return `create index if not exists ${index}\n  on app_public.${name} (${led.join(", ")}, created_at desc, id desc);`;
  });
}

/** Postgres cuts a longer name, silently and maybe to one that is taken. */
function fitting(name: string, shorter: string): string {
  return name.length <= MAXIMUM_IDENTIFIER ? name : shorter.slice(0, MAXIMUM_IDENTIFIER);
}
