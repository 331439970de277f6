import "grafserv";

import { setTimeout as sleep } from "node:timers/promises";

import type { GrafastExecutionArgs } from "grafast";
import { type ExecutionResult, GraphQLError, type GraphQLSchema, OperationTypeNode } from "graphql";

import { AppError } from "../src/errors/AppError.ts";
import { CATALOGUE, type ErrorCode } from "../src/errors/catalogue.ts";
import { classifyError } from "../src/errors/classifyError.ts";
import { timeToNextStep } from "../src/errors/timeToNextStep.ts";
import { currentRequestContext } from "../src/http/requestContext.ts";
import { assertInputSizes } from "../src/limits/assertInputSizes.ts";
import { estimateCost, findOperation, type Operation } from "../src/limits/estimateCost.ts";
import { makeParseDocument, type ParseDocument, type ParseOptions } from "../src/limits/parseDocument.ts";
import type { LimitsConfig } from "../src/limits/parseLimits.ts";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Grafast learns of the context's members
  namespace Grafast {
    interface Context {
      /** What went wrong when the context was made; the operation does not run then. */
      contextFailure?: unknown;
    }
  }
}

export interface OperationLimits
  extends Pick<LimitsConfig, "document" | "page" | "maximumCost">, Omit<ParseOptions, "limits"> {
  /** Takes what an operation costs from whoever pays for the current request; throws TOO_MANY_REQUESTS. */
  charge: (points: number) => Promise<void>;
}

/**
 * Everything that is checked of an operation before it is planned, over HTTP and websocket alike: grafserv's parsing is
 * replaced by one with limits, and its execution starts when size, pages and cost are found to be in bounds.
 */
export function makeOperationLimitsPlugin(limits: OperationLimits): GraphileConfig.Plugin {
  const parsers = new WeakMap<GraphQLSchema, ParseDocument>();
  const parserOf = (schema: GraphQLSchema) => {
    const parser = parsers.get(schema) ?? makeParseDocument(schema, { ...limits, limits: limits.document });
    parsers.set(schema, parser);
    return parser;
  };
  return {
    name: "OperationLimitsPlugin",
    description: "Refuses operations that are malformed or too large before they are planned",
    version: "1.0.0",
    grafserv: {
      middleware: {
        setPreset(next, event) {
          const { getExecutionConfig } = event;
          event.getExecutionConfig = async function (request) {
            const config = await getExecutionConfig.call(this, request);
            return {
              ...config,
              parseAndValidate(query) {
                const { document, errors } = parserOf(config.schema)(query);
                return errors ? { errors: errors.map(asQueryError) } : { document };
              },
              execute: (args) => admit(args, limits, config.execute),
              subscribe: (args) => admit(args, limits, config.subscribe),
            };
          };
          return next();
        },
      },
    },
  };
}

/** Runs the operation if it is within the limits, else answers with the reason. */
async function admit<T>(
  args: GrafastExecutionArgs,
  limits: OperationLimits,
  run: (args: GrafastExecutionArgs) => T,
): Promise<Awaited<T> | { errors: GraphQLError[] }> {
  const { schema, document, operationName, variableValues, contextValue } = args;
  try {
    const { contextFailure } = contextValue as Partial<Grafast.Context>;
    if (contextFailure !== undefined) {
      throw contextFailure;
    }
    assertAllowedMethod(args);
    await assertWithinLimits({ schema, document, operationName, variables: variableValues }, limits);
  } catch (error) {
    return { errors: [noteRefusal(error)] };
  }
  const start = performance.now();
  const result = await run(args);
  if (isMissingSomething(result)) {
    await sleep(timeToNextStep(performance.now() - start));
  }
  return result;
}

/**
 * A request in an address may be repeated, prefetched and followed by anybody: it changes nothing
 * (GraphQL over HTTP, section GET).
 */
function assertAllowedMethod(args: GrafastExecutionArgs): void {
  const context = currentRequestContext();
  const kind = findOperation(args)?.operation;
  if (context?.isReadOnly && kind !== undefined && kind !== OperationTypeNode.QUERY) {
    context.headers.allow = "POST";
    throw new AppError("METHOD_NOT_ALLOWED", "Only queries can be sent by GET; send this as POST.");
  }
}

/** Whether a write reached no row. */
function isMissingSomething(result: unknown): boolean {
  const { errors = [] } = result as ExecutionResult;
  return errors.some((error) => classifyError(error, false).code === "NOT_FOUND");
}

async function assertWithinLimits(operation: Operation, limits: OperationLimits): Promise<void> {
  const { maximumCost, page, charge } = limits;
  assertInputSizes(operation.document, operation.variables);
  const cost = estimateCost(operation, page);
  if (cost > maximumCost) {
    throw new AppError(
      "QUERY_TOO_COMPLEX",
      `The operation costs up to ${cost} points; at most ${maximumCost} are allowed. Ask for smaller pages.`,
    );
  }
  const context = currentRequestContext();
  if (context) {
    context.cost = cost;
  }
  // The first point was paid when the request came in.
  await charge(cost - 1);
}

/** The error as GraphQL reports it; `maskError` finds the code in the original. */
function noteRefusal(error: unknown): GraphQLError {
  if (error instanceof AppError) {
    refuse(error.code);
  }
  return error instanceof GraphQLError
    ? error
    : new GraphQLError("The operation was refused.", { originalError: error as Error });
}

/** Grafserv sends errors of parsing and validation past `maskError`: here they get their code and lose foreign text. */
function asQueryError(error: unknown): GraphQLError {
  const context = currentRequestContext();
  context?.errorCodes.add(error instanceof AppError ? error.code : "BAD_QUERY");
  const requestId = context?.requestId;
  if (error instanceof AppError) {
    refuse(error.code);
    return new GraphQLError(error.message, {
      extensions: { code: error.code, requestId },
      originalError: error,
    });
  }
  const argument = error instanceof GraphQLError ? error.extensions.argument : undefined;
  const extensions = { code: "BAD_QUERY" satisfies ErrorCode, requestId };
  return error instanceof GraphQLError
    ? new GraphQLError(error.message, {
        source: error.source,
        positions: error.positions,
        nodes: error.nodes,
        extensions: { ...extensions, ...(typeof argument === "string" && { argument }) },
      })
    : new GraphQLError(CATALOGUE.BAD_QUERY.message, { extensions });
}

/** Lets the HTTP status be the refusal's, whatever kind of answer the client accepts. */
function refuse(code: ErrorCode): void {
  const context = currentRequestContext();
  if (context) {
    context.refusal = code;
  }
}
