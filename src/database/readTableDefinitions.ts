import {
  type AlterTableStmt,
  type ColumnDef,
  type CreateStmt,
  loadModule,
  type Node,
  parseSync,
  type RangeVar,
  type RawStmt,
  scanSync,
} from "libpg-query";

export interface NamedColumn {
  name: string;
  /** As it is written; null where the statement names none. */
  type: string | null;
  /** Of its first byte in the migration. */
  offset: number;
  /** Whether `add column` names it: then a table that lacks it gets it. */
  isAdded: boolean;
}

/** What the statements of a migration, one after the other, say that a table has. */
export interface TableDefinition {
  /** As SQL writes it. */
  name: string;
  /** Of its name in `create table`, in bytes; null where the migration only alters the table. */
  offset: number | null;
  /** Whether the columns are all that it has: not where some are taken from another table or type. */
  isComplete: boolean;
  columns: Map<string, NamedColumn>;
}

export interface TableDefinitions {
  tables: TableDefinition[];
  /** Bodies of `do` blocks that alter tables: what they do to a column is not to be seen from here. */
  blocks: string[];
}

const NAMES_COLUMNS = /\bcreate\s+([a-z]+\s+)?table\b|\badd\s+column\b/i;
const ALTERS_TABLE = /\balter\s+table\b/i;
const AFTER_TYPE = new Set(
  "not null default primary unique references check constraint generated collate storage compression using".split(
    " ",
  ),
);

/** Reads out of a migration which columns its tables have, with the parser of Postgres itself. */
export async function readTableDefinitions(sql: string): Promise<TableDefinitions> {
  if (!NAMES_COLUMNS.test(sql)) {
    return { tables: [], blocks: [] };
  }
  await loadModule();
  const reader = new DefinitionReader(sql);
  for (const statement of parseSync(sql).stmts ?? []) {
    reader.read(statement);
  }
  return { tables: [...reader.tables.values()], blocks: reader.blocks };
}

class DefinitionReader {
  readonly tables = new Map<string, TableDefinition>();
  readonly blocks: string[] = [];
  /** Postgres counts bytes. */
  readonly #bytes: Buffer;
  /** Tables that the migration drops first are made anew each time. */
  readonly #dropped = new Set<string>();

  constructor(sql: string) {
    this.#bytes = Buffer.from(sql);
  }

  read({ stmt = {} as Node, ...place }: RawStmt): void {
    if ("CreateStmt" in stmt) {
      this.#create(stmt.CreateStmt, place);
    } else if ("AlterTableStmt" in stmt && stmt.AlterTableStmt.objtype === "OBJECT_TABLE") {
      this.#alter(stmt.AlterTableStmt, place);
    } else if ("RenameStmt" in stmt && stmt.RenameStmt.renameType === "OBJECT_COLUMN") {
      const { relation, subname = "", newname = "" } = stmt.RenameStmt;
      const columns = this.tables.get(nameOf(relation))?.columns;
      const column = columns?.get(subname);
      if (column !== undefined) {
        columns?.delete(subname);
        columns?.set(newname, { ...column, name: newname });
      }
    } else if ("DropStmt" in stmt && stmt.DropStmt.removeType === "OBJECT_TABLE") {
      for (const object of stmt.DropStmt.objects ?? []) {
        this.#drop(quote("List" in object ? strings(object.List.items) : []));
      }
    } else if ("DoStmt" in stmt) {
      const parts = (stmt.DoStmt.args ?? []).map((arg) => ("DefElem" in arg ? arg.DefElem.arg : undefined));
      const bodies = strings(parts.filter((part) => part !== undefined));
      this.blocks.push(...bodies.filter((body) => ALTERS_TABLE.test(body)));
    }
  }

  #create({ relation, ...rest }: CreateStmt, place: Place): void {
    const name = nameOf(relation);
    if (relation?.relpersistence === "t" || this.tables.has(name) || this.#dropped.has(name)) {
      return;
    }
    const elements = rest.tableElts ?? [];
    const isComplete =
      [rest.inhRelations, rest.partbound, rest.ofTypename].every((source) => source === undefined) &&
      !elements.some((element) => "TableLikeClause" in element);
    const columns = new Map<string, NamedColumn>();
    for (const element of elements) {
      if ("ColumnDef" in element) {
        const column = this.#column(element.ColumnDef, place);
        columns.set(column.name, column);
      }
    }
    this.tables.set(name, { name, offset: relation?.location ?? 0, isComplete, columns });
  }

  #alter({ relation, cmds = [] }: AlterTableStmt, place: Place): void {
    const name = nameOf(relation);
    if (relation?.relpersistence === "t" || this.#dropped.has(name)) {
      return;
    }
    const { columns } = this.#tableOf(name);
    for (const command of cmds) {
      const { subtype, name: column = "", def } = "AlterTableCmd" in command ? command.AlterTableCmd : {};
      const definition = def !== undefined && "ColumnDef" in def ? def.ColumnDef : undefined;
      if (subtype === "AT_AddColumn" && definition !== undefined) {
        const added = this.#column(definition, place);
        // On an empty database it is the first that makes the column.
        columns.set(added.name, { ...(columns.get(added.name) ?? added), isAdded: true });
      } else if (subtype === "AT_DropColumn") {
        columns.delete(column);
      } else if (subtype === "AT_AlterColumnType" && definition !== undefined) {
        const isAdded = columns.get(column)?.isAdded ?? true;
        columns.set(column, { ...this.#column(definition, place), name: column, isAdded });
      }
    }
  }

  #drop(name: string): void {
    this.tables.delete(name);
    this.#dropped.add(name);
  }

  #tableOf(name: string): TableDefinition {
    const found = this.tables.get(name);
    const table = found ?? { name, offset: null, isComplete: false, columns: new Map() };
    this.tables.set(name, table);
    return table;
  }

  #column({ colname = "", typeName, location }: ColumnDef, place: Place): NamedColumn {
    return {
      name: colname,
      type: typeName?.location === undefined ? null : this.#typeAt(typeName.location, place),
      offset: location ?? 0,
      isAdded: false,
    };
  }

  /** A type may have several words, brackets and a comma in them; no node of the tree says where it ends. */
  #typeAt(from: number, { stmt_location: start = 0, stmt_len: length }: Place): string {
    const text = this.#bytes.subarray(from, length === undefined ? undefined : start + length).toString();
    let depth = 0;
    let end = 0;
    for (const token of scanSync(text).tokens) {
      const word = token.text.toLowerCase();
      if (depth === 0 && ([",", ")", ";"].includes(word) || AFTER_TYPE.has(word))) {
        break;
      }
      if (!/COMMENT/.test(token.tokenName)) {
        depth += word === "(" ? 1 : word === ")" ? -1 : 0;
        end = token.end;
      }
    }
    return Buffer.from(text).subarray(0, end).toString();
  }
}

type Place = Omit<RawStmt, "stmt">;

function nameOf(relation: RangeVar | undefined): string {
  return quote([relation?.schemaname, relation?.relname].filter((part) => part !== undefined));
}

function quote(parts: string[]): string {
  return parts
    .map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`))
    .join(".");
}

function strings(nodes: Node[] = []): string[] {
  return nodes.flatMap((node) => ("String" in node ? [node.String.sval ?? ""] : []));
}
