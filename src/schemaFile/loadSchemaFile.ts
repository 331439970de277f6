import { readFile } from "node:fs/promises";

import type { GraphQLSchema } from "graphql";
import type { Pool } from "pg";
import type { Logger } from "pino";

import { applyInputFields } from "../../plugins/InputFieldsPlugin.ts";
import { applyTimestampText } from "../../plugins/TimestampsPlugin.ts";
import { readRanMigrations } from "../database/isSchemaCurrent.ts";
import { importSchema } from "./importSchema.ts";
import { hashCode, originDifference, readOrigin } from "./schemaOrigin.ts";

/**
 * The API that `bailiwick schema compile` has written, if it was made from this package and the migrations of this database.
 * Null where it was not, or cannot be loaded: the log says why, and the API has to be built, as where there is no file.
 *
 * @param pool connections of the gateway's login role.
 */
export async function loadSchemaFile(
  file: string | null,
  { pool, logger }: { pool: Pool; logger: Logger },
): Promise<GraphQLSchema | null> {
  if (file === null) {
    return null;
  }
  const refuse = (problem: { reason: string } | { err: unknown }) => {
    logger.warn({ file, ...problem }, "The schema's file is not used: the API is built from the catalogue");
    return null;
  };
  try {
    const [text, code] = await Promise.all([readFile(file, "utf8"), hashCode()]);
    const origin = readOrigin(text);
    if ("reason" in origin) {
      return refuse(origin);
    }
    // What other code has written might not even run with this.
    const own = originDifference(origin, { code, migrations: origin.migrations });
    if (own !== null) {
      return refuse({ reason: own });
    }
    const [schema, migrations] = await Promise.all([importSchema(file), readRanMigrations(pool)]);
    const reason = originDifference(origin, { code, migrations });
    if (reason !== null) {
      return refuse({ reason });
    }
    // What building a schema does beside making it.
    applyTimestampText();
    applyInputFields(schema);
    logger.info({ file }, "The API is loaded from the schema's file");
    return schema;
  } catch (err) {
    return refuse({ err });
  }
}
