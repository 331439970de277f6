import { maxAliasesRule } from "@escape.tech/graphql-armor-max-aliases";
import { maxDepthRule } from "@escape.tech/graphql-armor-max-depth";
import { maxDirectivesRule } from "@escape.tech/graphql-armor-max-directives";
import { LRU } from "@graphile/lru";
import {
  type ArgumentNode,
  type ASTVisitor,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type ObjectFieldNode,
  parse,
  specifiedRules,
  TypeInfo,
  validate,
  ValidationContext,
  visit,
} from "graphql";

import { AppError } from "../errors/AppError.ts";
import type { DocumentLimits } from "./parseLimits.ts";

export type ParsedDocument =
  | { document: DocumentNode; errors?: undefined }
  | { document?: undefined; errors: readonly (GraphQLError | AppError)[] };

export type ParseDocument = (text: string) => ParsedDocument;

export interface ParseOptions {
  limits: DocumentLimits;
  /** Whether documents may ask for the schema, and errors may suggest names of it. */
  isSchemaShown: boolean;
  /** Whether a document is one of the trusted ones, which were reviewed: the limits are for all others. */
  isTrusted: (text: string) => boolean;
}

const CACHED_DOCUMENTS = 500;
/** Longer documents are parsed each time, so that the cache has a bounded size. */
const CACHED_LENGTH = 20_000;
const CONNECTION_FIELDS = new Set(["nodes", "edges", "node"]);

/**
 * Builds the function that parses and validates documents of one schema. Its errors are for the client; it never
 * throws. Limits hold before anything is planned: tokens while parsing, the rest before the schema is looked at.
 */
export function makeParseDocument(schema: GraphQLSchema, options: ParseOptions): ParseDocument {
  const cache = new LRU<string, ParsedDocument>({ maxLength: CACHED_DOCUMENTS });
  return (text) => {
    const cached = cache.get(text);
    if (cached) {
      return cached;
    }
    const parsed = parseAndValidate(schema, text, options);
    if (text.length <= CACHED_LENGTH) {
      cache.set(text, parsed);
    }
    return parsed;
  };
}

function parseAndValidate(schema: GraphQLSchema, text: string, options: ParseOptions): ParsedDocument {
  const { limits, isSchemaShown } = options;
  const isTrusted = options.isTrusted(text);
  try {
    const document = parse(text, { maxTokens: isTrusted ? undefined : limits.tokens });
    if (!isTrusted) {
      assertShape(schema, document, limits);
    }
    const rules = isSchemaShown ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
    const errors = validate(schema, document, rules, { maxErrors: 20, hideSuggestions: !isSchemaShown });
    return errors.length > 0
      ? { errors: errors.map((error) => withArgument(error, document)) }
      : { document };
  } catch (error) {
    // GraphQLError, or the RangeError of a parser whose stack is full; who answers knows what to show of it.
    return { errors: [error as GraphQLError] };
  }
}

/** GraphQL Armor's rules, run by themselves: they are cheap, and the schema's rules are not for hostile documents. */
function assertShape(schema: GraphQLSchema, document: DocumentNode, limits: DocumentLimits): void {
  const run = (ast: DocumentNode, rule: (context: ValidationContext) => ASTVisitor) => {
    const context = new ValidationContext(schema, ast, new TypeInfo(schema), () => undefined);
    visit(ast, rule(context));
  };
  const refuse = (what: string, most: number) => () => {
    throw new AppError("QUERY_TOO_COMPLEX", `A document may have at most ${most} ${what}.`);
  };
  const { depth, aliases, directives } = limits;
  run(document, maxAliasesRule({ n: aliases, allowList: [], onReject: [refuse("aliases", aliases)] }));
  run(document, maxDirectivesRule({ n: directives, onReject: [refuse("directives", directives)] }));
  run(
    withoutConnections(document),
    maxDepthRule({ n: depth, flattenFragments: true, onReject: [refuse("levels of fields", depth)] }),
  );
}

/** The document with the fields of connections flattened, so that a list is one level however it is written. */
function withoutConnections(document: DocumentNode): DocumentNode {
  return visit(document, {
    Field: {
      leave: ({ name, selectionSet }) =>
        selectionSet && CONNECTION_FIELDS.has(name.value)
          ? { kind: Kind.INLINE_FRAGMENT, selectionSet }
          : undefined,
    },
  });
}

/** The error, with the argument and the input fields around the value that it is about, as `input.patient.birthDate`. */
function withArgument(error: GraphQLError, document: DocumentNode): GraphQLError {
  const place = error.nodes?.[0]?.loc;
  if (!place) {
    return error;
  }
  const names: string[] = [];
  const note = ({ name, loc }: ArgumentNode | ObjectFieldNode) => {
    if (loc && loc.start <= place.start && place.end <= loc.end) {
      names.push(name.value);
    }
  };
  visit(document, { Argument: note, ObjectField: note });
  if (names.length === 0) {
    return error;
  }
  const { message, nodes, source, positions } = error;
  return new GraphQLError(message, { nodes, source, positions, extensions: { argument: names.join(".") } });
}
