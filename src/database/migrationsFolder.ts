import { join } from "node:path";

import { PROJECT_ROOT } from "../config.ts";

export const MIGRATIONS_FOLDER = join(PROJECT_ROOT, "migrations");
