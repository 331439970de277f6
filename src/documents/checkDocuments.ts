import { GraphQLError, type GraphQLSchema, NoDeprecatedCustomRule, parse, validate } from "graphql";

import type { TrustedDocument } from "./TrustedDocuments.ts";

export interface DocumentFinding {
  document: TrustedDocument;
  /** `broken`: the schema refuses it. `deprecated`: it works, and uses what is going to be removed. */
  kind: "broken" | "deprecated";
  message: string;
  /** Line of the document's text. */
  line: number | null;
}

/** What a schema means for trusted documents; broken ones first. */
export function checkDocuments(
  documents: readonly TrustedDocument[],
  schema: GraphQLSchema,
): DocumentFinding[] {
  const findings = documents.flatMap((document) => [
    ...findProblems(document, schema, "broken"),
    ...findProblems(document, schema, "deprecated"),
  ]);
  return findings.sort((a, b) => a.kind.localeCompare(b.kind));
}

function findProblems(
  document: TrustedDocument,
  schema: GraphQLSchema,
  kind: DocumentFinding["kind"],
): DocumentFinding[] {
  return errorsOf(document.text, schema, kind).map(({ message, locations }) => ({
    document,
    kind,
    message,
    line: locations?.[0]?.line ?? null,
  }));
}

function errorsOf(
  text: string,
  schema: GraphQLSchema,
  kind: DocumentFinding["kind"],
): readonly GraphQLError[] {
  try {
    return validate(schema, parse(text), kind === "deprecated" ? [NoDeprecatedCustomRule] : undefined);
  } catch (error) {
    if (error instanceof GraphQLError) {
      return kind === "broken" ? [error] : [];
    }
    throw error;
  }
}
