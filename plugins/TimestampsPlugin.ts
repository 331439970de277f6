import "graphile-build-pg";

import { sql } from "pg-sql2";
import { TYPES } from "postgraphile/@dataplan/pg";

import { timestampText } from "./timestampText.ts";

type Cast = NonNullable<typeof TYPES.timestamptz.castFromPg>;

const castFromPg: Cast = (timestamp) => sql`to_json(${timestamp})::text`;

/** For all schemas of this process. */
export function applyTimestampText(): void {
  Object.assign(TYPES.timestamptz, { castFromPg, fromPg: timestampText });
}

/**
 * Times leave Postgres as JSON prints them, and get their form here: see timestampText.ts. Where a list is sorted, all its
 * rows are printed and not only those of the page. The codec is changed in its place, because PostGraphile and its plugins
 * know it by its identity; lists of times, which are rare, keep theirs.
 */
export const TimestampsPlugin: GraphileConfig.Plugin = {
  name: "TimestampsPlugin",
  description: "Prints timestamps without to_char()",
  version: "1.0.0",
  schema: {
    hooks: {
      build(build) {
        applyTimestampText();
        return build;
      },
    },
  },
};
