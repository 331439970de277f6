import { escapeIdentifier, escapeLiteral } from "pg";

import type { Target } from "./describeTarget.ts";

/** Triggers stamp it at every change, a reversal included: whoever asks for what changed since has to be told. */
export const STAMP = "updated_at";

/**
 * A row as a flat JSON object of texts, in which every value comes back byte for byte: JSON's own numbers and nulls would
 * not tell 1.0 from 1.00, or a null from a JSON null. `organization_id` is always in it, for the policy of the originals.
 */
export function snapshotSql({ columns, organizationColumn }: Target, alias: string): string {
  const names = columns.map(({ name }) => name);
  const entries = names.map((name) => [name, name] as const);
  if (!names.includes("organization_id")) {
    entries.push(["organization_id", organizationColumn]);
  }
  const keys = entries.map(([key]) => escapeLiteral(key)).join(", ");
  const values = entries.map(([, name]) => `${alias}.${escapeIdentifier(name)}::text`).join(", ");
  return `jsonb_object(array[${keys}]::text[], array[${values}]::text[])`;
}
