import type { GraphQLSchema } from "graphql";

import { ACCEPTED_TRACES } from "./accepted.ts";
import type { Canary } from "./canaries.ts";
import { fieldItems, schemaItems } from "./coverage.ts";
import type { Finding } from "./Findings.ts";
import { canaryFigures, type FuzzReport } from "./fuzzReport.ts";
import type { FuzzRequests } from "./fuzzRequests.ts";
import type { FuzzWorld } from "./fuzzWorld.ts";
import type { Walk } from "./Walk.ts";

export interface Walked {
  walk: Walk;
  fuzz: FuzzWorld;
  requests: FuzzRequests;
  schema: GraphQLSchema;
  only: RegExp | undefined;
  seed: number;
  seconds: number;
}

/** Columns that requests may read and that no answer shows, even to their owners, and why. */
const NOT_SHOWN: Readonly<Record<string, string>> = {
  "app_public.organizations.clerk_org_id":
    "Granted because a computed field takes the whole row; the API does not have it.",
};

/** Holds what a walk has seen against what there was to see. */
export function makeReport({ walk, fuzz, requests, schema, only, seed, seconds }: Walked): FuzzReport {
  const isWanted = (item: string) => only === undefined || only.test(item);
  const items = schemaItems(schema).filter(isWanted);
  const fields = fieldItems(schema).filter(isWanted);
  const isExpected = ({ column }: Canary) => only === undefined && !(column in NOT_SHOWN);
  return {
    requests: walk.requests,
    items: items.length,
    covered: items.filter((item) => walk.executed.has(item)).length,
    uncovered: items
      .filter((item) => !walk.executed.has(item))
      .map((item) => ({ item, reason: gapOf(requests, item) })),
    findings: [...walk.findings.values(), ...(only === undefined ? needless(walk) : [])],
    accepted: [...walk.accepted],
    ...canaryFigures(fuzz.canaries, walk.seen, isExpected),
    fields: {
      total: fields.length,
      reached: fields.filter((field) => walk.reached.has(field)).length,
    },
    unreached: fields
      .filter((field) => !walk.reached.has(field))
      .map((field) => ({ field, reason: whyUnreached(walk, requests, field) })),
    people: [...fuzz.outsiders, ...fuzz.insiders].map(({ name }) => name),
    seed,
    seconds,
  };
}

function needless({ accepted }: Walk): Finding[] {
  return Object.keys(ACCEPTED_TRACES)
    .filter((field) => !accepted.has(field))
    .map((field) => ({
      kind: "failure",
      field,
      person: "",
      detail: "its accepted trace no longer occurs: remove it from src/access/fuzz/accepted.ts",
    }));
}

function gapOf({ gaps }: FuzzRequests, item: string): string {
  const whole = item.replace(/\(.*$/, "");
  return gaps.get(item) ?? gaps.get(whole) ?? "no request names it, or none that does was executed";
}

/** What the foreign tenant's own people were told by the requests that name a field. */
function whyUnreached(walk: Walk, { reads, choices, filters, changes }: FuzzRequests, field: string): string {
  const naming = [...reads, ...choices, ...filters, ...changes].filter((request) =>
    walk.itemsOf(request).includes(field),
  );
  const codes = new Set(naming.flatMap(({ title }) => [...(walk.refusals.get(title) ?? [])]));
  return codes.size > 0 ? `refused: ${[...codes].join(", ")}` : "null or empty in every row";
}
