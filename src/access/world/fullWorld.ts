import { globSync } from "node:fs";
import { join } from "node:path";

import { furnishBilling } from "./furnish/billing.ts";
import { furnishClinical } from "./furnish/clinical.ts";
import { furnishGrants } from "./furnish/grants.ts";
import { furnishIdentity } from "./furnish/identity.ts";
import { furnishIntegrations } from "./furnish/integrations.ts";
import { furnishMetrics } from "./furnish/metrics.ts";
import { furnishOperations } from "./furnish/operations.ts";
import { furnishPractice } from "./furnish/practice.ts";
import { furnishTenancy } from "./furnish/tenancy.ts";
import { furnishVault } from "./furnish/vault.ts";
import { createMember, type Person } from "./people.ts";
import type { RolledBack } from "./rolledBack.ts";
import { createWorld, type World } from "./world.ts";

/** Puts rows into the tables of one domain, in every clinic of the world: over an empty table, nothing can be shown. */
export type Furnish = (db: RolledBack, world: FullWorld) => Promise<void>;

/** The world, and who is in it by a grant that has to be made first. */
export interface FullWorld extends World {
  /** A second provider of `here`. */
  breakGlass: Person;
  /** Opens what the portal's user has shared by a link. */
  shareToken: string;
}

/** What `bailiwick new table` has made: one for each table, which builds on nothing but the world itself. */
const TABLES = join(import.meta.dirname, "tables");

/** In an order in which each can build on what those before it have put into the world. */
const DOMAINS: readonly Furnish[] = [
  furnishIdentity,
  furnishTenancy,
  furnishClinical,
  furnishPractice,
  furnishMetrics,
  furnishBilling,
  furnishIntegrations,
  furnishGrants,
  furnishOperations,
  furnishVault,
];

async function newTables(): Promise<Furnish[]> {
  const files = globSync("*.ts", { cwd: TABLES }).sort();
  const modules = await Promise.all(
    files.map(async (file) => (await import(join(TABLES, file))) as { furnish: Furnish }),
  );
  return modules.map(({ furnish }) => furnish);
}

/** The world with rows in every table of the API. */
export async function createFullWorld(db: RolledBack): Promise<FullWorld> {
  const plain = await createWorld(db.superuser);
  const breakGlass = await createMember(db.superuser, plain.here.clinic, "provider");
  const world: FullWorld = { ...plain, breakGlass, shareToken: "" };
  for (const furnish of [...DOMAINS, ...(await newTables())]) {
    await furnish(db, world);
  }
  return world;
}
