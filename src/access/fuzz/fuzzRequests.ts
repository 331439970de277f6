import type { GraphQLSchema } from "graphql";

import { choiceRequests } from "./choiceRequests.ts";
import { itemsOfRequest } from "./coverage.ts";
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

/** Writes a request for everything that a schema offers; of them, with `only`, those that name something it matches. */
export function fuzzRequests(schema: GraphQLSchema, only?: RegExp): FuzzRequests {
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
