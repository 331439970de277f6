import type { GraphQLSchema } from "graphql";

import { choiceRequests } from "./choiceRequests.ts";
import { itemsOfRequest, schemaItems } from "./coverage.ts";
import { filterRequests } from "./filterRequests.ts";
import { type ChangingRequest, mutationRequests, subscriptionRequests } from "./mutationRequests.ts";
import { type Gaps, readRequests } from "./readRequests.ts";
import type { FuzzRequest } from "./RequestWriter.ts";

/** Every request of a walk, by what is asked. */
export interface FuzzRequests {
  /** Those that show which rows there are; sent first, for ids to send with the others. */
  finding: FuzzRequest[];
  reads: FuzzRequest[];
  choices: FuzzRequest[];
  filters: FuzzRequest[];
  changes: ChangingRequest[];
  subscriptions: FuzzRequest[];
  /** What no request could be written for, and why. */
  gaps: Gaps;
}

/**
 * Writes a request for everything that a schema offers; of them, with `only`, those that name something it matches.
 *
 * @throws when it matches nothing that the schema has: a walk that asks nothing would find nothing, and pass.
 */
export function fuzzRequests(schema: GraphQLSchema, only?: RegExp): FuzzRequests {
  if (only !== undefined && !schemaItems(schema).some((item) => only.test(item))) {
    throw new Error(`Nothing in the API is named like ${only}`);
  }
  const gaps: Gaps = new Map();
  const isWanted = (request: FuzzRequest) =>
    only === undefined || itemsOfRequest(schema, request).some((item) => only.test(item));
  const reads = readRequests(schema, gaps);
  return {
    finding: reads.filter(({ slots, title }) =>
      only === undefined ? slots.length === 0 || title.startsWith("Query.") : title.startsWith("Query."),
    ),
    reads: reads.filter(isWanted),
    choices: choiceRequests(schema, gaps).filter(isWanted),
    filters: filterRequests(schema, gaps).filter(isWanted),
    changes: mutationRequests(schema, gaps).filter(isWanted),
    subscriptions: subscriptionRequests(schema, gaps).filter(isWanted),
    gaps,
  };
}
