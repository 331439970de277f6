import { buildSchema, findBreakingChanges } from "graphql";

import type { AccessChange } from "./compareFacts.ts";

/** Where an operation that was valid may not be any more. Both are documents of the schema language. */
export function compareApis(base: string, now: string): AccessChange[] {
  return findBreakingChanges(buildSchema(base), buildSchema(now)).map(({ type, description }) => ({
    effect: "BREAKS",
    role: "API clients",
    object: /\b([A-Z]\w*(?:\.\w+)?)/.exec(description)?.[1] ?? "the API",
    command: type.toLowerCase().replaceAll("_", " "),
    detail: description,
  }));
}
