import { stat } from "node:fs/promises";
import { pathToFileURL } from "node:url";

import type { GraphQLSchema } from "graphql";

/** Runs a schema's file; anew after it was written anew. */
export async function importSchema(file: string): Promise<GraphQLSchema> {
  const { mtimeMs } = await stat(file);
  const { schema } = (await import(`${pathToFileURL(file).href}?${mtimeMs}`)) as { schema: GraphQLSchema };
  return schema;
}
