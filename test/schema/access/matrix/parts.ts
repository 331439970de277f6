import { globSync } from "node:fs";
import { join } from "node:path";

import { BILLING } from "./billing.ts";
import { CLINICAL } from "./clinical.ts";
import { GRANTS } from "./grants.ts";
import { IDENTITY } from "./identity.ts";
import { INTEGRATIONS } from "./integrations.ts";
import { METRICS } from "./metrics.ts";
import { OPERATIONS } from "./operations.ts";
import type { MatrixPart } from "./part.ts";
import { PRACTICE } from "./practice.ts";
import { TENANCY } from "./tenancy.ts";
import { VAULT } from "./vault.ts";

/** What `bailiwick new table` has made: a part for each table. */
const TABLES = join(import.meta.dirname, "tables");
const NEW_PARTS: MatrixPart[] = [];
for (const file of globSync("*.ts", { cwd: TABLES }).sort()) {
  const module = (await import(join(TABLES, file))) as { PART: MatrixPart };
  NEW_PARTS.push(module.PART);
}

export const PARTS = [
  IDENTITY,
  TENANCY,
  CLINICAL,
  PRACTICE,
  METRICS,
  BILLING,
  INTEGRATIONS,
  GRANTS,
  OPERATIONS,
  VAULT,
  ...NEW_PARTS,
];
