import { sql } from "pg-sql2";
import { type PgCodec, TYPES } from "postgraphile/@dataplan/pg";

import { literal, type Part } from "./columnJson.ts";
import type { FieldMeaning } from "./fieldMeaning.ts";
import { NotCompilable } from "./NotCompilable.ts";
import type { RowScope } from "./RowScope.ts";

const UUID_LENGTH = 36;
/** Of the text that is encoded: after each 57 bytes Postgres begins a new line, as in mail, even if nothing follows. */
const LONGEST_LINE = 56;

/** The global id of a row, as the codec `base64JSON` encodes it. Only of rows whose key is one uuid. */
export function nodeIdJson(row: RowScope, { identifier, keys }: FieldMeaning & { kind: "nodeId" }): Part[] {
  const [key, ...others] = keys;
  if (
    key === undefined ||
    others.length > 0 ||
    row.rows.codec.attributes[key]?.codec !== (TYPES.uuid as PgCodec)
  ) {
    throw new NotCompilable("a global id of several columns");
  }
  const before = `[${JSON.stringify(identifier)},"`;
  const bytes = sql`convert_to(${literal(before)} || ${row.column(key)}::text || '"]', 'UTF8')`;
  const encoded = sql`encode(${bytes}, 'base64')`;
  const isOneLine = before.length + UUID_LENGTH + '"]'.length <= LONGEST_LINE;
  return ['"', isOneLine ? encoded : sql`replace(${encoded}, ${literal("\n")}, '')`, '"'];
}
