import type { OperationLimits } from "../../plugins/OperationLimitsPlugin.ts";
import { TrustedDocuments } from "../documents/TrustedDocuments.ts";
import { parseLimits } from "./parseLimits.ts";

/**
 * For programs that build the API and ask it without a server: lists have the default page, and nobody pays. What a server
 * checks of an operation before it runs is the server's (OperationLimitsPlugin), and does not come with this.
 */
export function withoutLimits(): { limits: OperationLimits; documents: TrustedDocuments } {
  return {
    documents: new TrustedDocuments([], false),
    limits: {
      ...parseLimits((_name, fallback) => fallback),
      isSchemaShown: true,
      isTrusted: () => true,
      charge: async () => undefined,
    },
  };
}
