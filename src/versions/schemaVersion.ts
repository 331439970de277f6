import { type GraphQLSchema, printSchema } from "graphql";

import { sha256 } from "../documents/sha256.ts";

const LENGTH = 12;
const versions = new WeakMap<GraphQLSchema, string>();

/** A short hash of everything that clients can see of a schema. It changes when that does, and with nothing else. */
export function schemaVersion(schema: GraphQLSchema): string {
  const version = versions.get(schema) ?? sha256(printSchema(schema)).slice(0, LENGTH);
  versions.set(schema, version);
  return version;
}
