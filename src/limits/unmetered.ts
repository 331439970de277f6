import type { OperationLimits } from "../../plugins/OperationLimitsPlugin.ts";
import { TrustedDocuments } from "../documents/TrustedDocuments.ts";
import { parseLimits } from "./parseLimits.ts";

/** For an API that is printed, or asked without a server in between: the default limits, and nobody pays. */
export function unmetered(): { limits: OperationLimits; documents: TrustedDocuments } {
  return {
    limits: {
      ...parseLimits((_name, fallback) => fallback),
      charge: async () => undefined,
      isSchemaShown: true,
      isTrusted: () => false,
    },
    documents: new TrustedDocuments([], false),
  };
}
