import type { NewTable, Scope } from "./newTable.ts";
import { changeableColumns, patientColumn, singularOf, sqlList, tenantColumns } from "./wording.ts";

interface ScopeAccess {
  select: { name: string; condition: string };
  write: { who: string; condition: string };
  documentation: Record<string, string>;
}

const anyOf = (column: string, helper: string) => `${column} = any (array(select app_hidden.${helper}))`;

const ACCESS: Record<Scope, ScopeAccess> = {
  clinic: {
    select: { name: "select_clinic", condition: anyOf("clinic_id", "readable_clinic_ids()") },
    write: {
      who: "staff",
      condition: anyOf("clinic_id", "clinic_ids_with_role('{clinic_admin,provider,staff}')"),
    },
    documentation: {
      organization_id: "The organization that runs the clinic.",
      clinic_id: "The clinic that keeps it.",
    },
  },
  organization: {
    select: {
      name: "select_member",
      condition:
        `${anyOf("organization_id", "organization_ids_with_role('{owner,admin,member,viewer}')")}\n` +
        "    or (select app_hidden.is_superadmin())",
    },
    write: {
      who: "administrator",
      condition: anyOf("organization_id", "organization_ids_with_role('{owner,admin}')"),
    },
    documentation: { organization_id: "The organization that keeps it." },
  },
};

/** `fixtures/<domain>/<name>.sql`: who may do what with the table, its triggers, and what the API says of it. */
export function fixtureSql(table: NewTable): string {
  const target = `app_public.${table.name}`;
  return `\
-- Access ----------------------------------------------------------------------

select app_private.reset_access('${target}');
select app_private.allow_data_role('${target}');

${policies(table, target).join("\n\n")}

${grants(table, target)}

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('${target}');
select app_private.audit_changes('${target}');

-- Documentation ---------------------------------------------------------------

${comments(table, target).join("\n")}
`;
}

function policies(table: NewTable, target: string): string[] {
  const { select, write } = ACCESS[table.scope];
  const boundary = anyOf("organization_id", "my_organization_ids()");
  const isChangeable = changeableColumns(table).length > 0;
  return [
    `\
create policy tenant_boundary on ${target}
  as restrictive to app_user
  using (${boundary})
  with check (${boundary});`,
    `\
create policy ${select.name} on ${target}
  for select to app_user
  using ${clause(select.condition)};`,
    `${patientColumn(table) === undefined ? "" : "-- The patient must be one that the caller sees.\n"}\
create policy insert_${write.who} on ${target}
  for insert to app_user
  with check ${clause(write.condition + patientCondition(table))};`,
    ...(isChangeable
      ? [
          `\
create policy update_${write.who} on ${target}
  for update to app_user
  using ${clause(write.condition)}
  with check ${clause(write.condition)};`,
        ]
      : []),
  ];
}

const clause = (condition: string) =>
  condition.includes("\n") ? `(\n    ${condition}\n  )` : `(${condition})`;

function patientCondition(table: NewTable): string {
  const column = patientColumn(table);
  if (column === undefined) {
    return "";
  }
  const seen = `exists (
      select from app_public.patients p
      where p.organization_id = ${table.name}.organization_id
      and p.id = ${table.name}.${column.name}
    )`;
  return `\n    and ${column.isOptional ? `(${table.name}.${column.name} is null or ${seen})` : seen}`;
}

function grants(table: NewTable, target: string): string {
  const tenant = tenantColumns(table);
  const own = table.columns.map(({ name }) => name);
  const changeable = changeableColumns(table).map(({ name }) => name);
  const stamps = ["created_at", "updated_at", "created_by", "updated_by"];
  const privileges = [
    sqlList("  select ", ["id", ...tenant, ...own, ...stamps], ""),
    sqlList("  insert ", [...tenant, ...own], ""),
    ...(changeable.length > 0 ? [sqlList("  update ", changeable, "")] : []),
  ];
  const notes = ["No delete grant: what was on record stays on record."];
  if (changeable.length === 0) {
    notes.push("No update grant: nothing of it changes.");
  } else if (changeable.length < own.length) {
    notes.push("No update of what it refers to: that would be another record.");
  }
  return `grant\n${privileges.join(",\n")}\non ${target} to app_user;\n${notes.map((note) => `-- ${note}`).join("\n")}`;
}

function comments(table: NewTable, target: string): string[] {
  const noun = singularOf(table.name);
  const { documentation } = ACCESS[table.scope];
  const sensitivity = patientColumn(table) === undefined ? "" : "E'@sensitivity phi\\n";
  const ofColumns = {
    id: `'The ${noun}’s id.'`,
    ...Object.fromEntries(Object.entries(documentation).map(([column, text]) => [column, `'${text}'`])),
    ...Object.fromEntries(
      table.columns.map(({ name, reference }) => [
        name,
        `${sensitivity || "'"}${describeColumn(noun, name, reference !== null)}'`,
      ]),
    ),
    created_at: "'When it was made.'",
    updated_at: "'When it last changed.'",
    created_by: "'Who made it.'",
    updated_by: "'Who changed it last.'",
  };
  return [
    `comment on table ${target} is '${noun.charAt(0).toUpperCase()}${noun.slice(1)}, as ${
      table.scope === "clinic" ? "a clinic" : "an organization"
    } keeps it.';`,
    ...Object.entries(ofColumns).map(([column, text]) => `comment on column ${target}.${column} is ${text};`),
  ];
}

/** A sentence to start from, out of the column's name. */
function describeColumn(noun: string, column: string, isReference: boolean): string {
  const happened = /^(\w+ed)_(?:at|on)$/.exec(column);
  if (happened) {
    return `When it was ${happened[1]?.replaceAll("_", " ")}.`;
  }
  const words = column.replace(/_id$/, "").replaceAll("_", " ");
  return isReference ? `The ${words} that it is about.` : `The ${noun}’s ${words}.`;
}
