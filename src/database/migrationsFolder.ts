import { join } from "node:path";

import { PROJECT_ROOT } from "../config.ts";

export const MIGRATIONS_FOLDER = join(PROJECT_ROOT, "migrations");

/** The snapshot of the catalogue that the migrations make. */
export const CATALOG_FILE = join(MIGRATIONS_FOLDER, "catalog.txt");
