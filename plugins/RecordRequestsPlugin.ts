import "grafserv";

import { type GrafastExecutionArgs, isAsyncIterable } from "grafast";
import { type DocumentNode, type ExecutionResult, GraphQLError, Kind, OperationTypeNode } from "graphql";

import { AccessRecord } from "../src/audit/AccessRecord.ts";
import type { EventRecorder, RequestEvent } from "../src/audit/eventRecorder.ts";
import { reachedColumns } from "../src/audit/reachedColumns.ts";
import { sha256 } from "../src/documents/sha256.ts";
import { AppError } from "../src/errors/AppError.ts";
import type { ErrorCode } from "../src/errors/catalogue.ts";
import { classifyError } from "../src/errors/classifyError.ts";
import { currentRequestContext } from "../src/http/requestContext.ts";
import { findOperation } from "../src/limits/estimateCost.ts";
import { kept } from "./kept.ts";
import { sensitiveCoordinates } from "./sensitiveCoordinates.ts";

type Settings = RequestEvent["settings"];
type Execute = (args: GrafastExecutionArgs) => unknown;

/** Somebody tried what they may not. */
const REFUSALS = new Set<ErrorCode>([
  "FORBIDDEN",
  "UNAUTHENTICATED",
  "INVALID_CREDENTIALS",
  "SESSION_REVOKED",
]);
/** Of a change also: row security answers a foreign row as it does a missing one. */
const REFUSED_CHANGES = new Set<ErrorCode>([...REFUSALS, "NOT_FOUND"]);

/** Of documents that are sent again and again. */
const documentHashes = new WeakMap<DocumentNode, string>();

interface Running {
  record: AccessRecord;
  settings: Settings;
  /** What the operation reaches, rows or not. */
  reached: ReadonlySet<string>;
  isMutation: boolean;
  /** `updatePatient, deleteGoal` */
  fields: string[];
}

/**
 * Puts on record what each operation has read of patients, before its answer leaves: an answer whose record cannot be written is
 * withheld (UNAVAILABLE). Refusals are put on record as well, on a connection that what was attempted does not roll back.
 * Also tells SQL what the operation is called and which document it is, for the record of what it changes.
 */
export function makeRecordRequestsPlugin({ events }: { events: EventRecorder }): GraphileConfig.Plugin {
  return {
    name: "RecordRequestsPlugin",
    description: "Puts reads of patient data and refusals on record before an answer leaves",
    version: "1.0.0",
    grafserv: {
      middleware: {
        setPreset(next, event) {
          const { getExecutionConfig } = event;
          event.getExecutionConfig = async function (request) {
            const config = await getExecutionConfig.call(this, request);
            return {
              ...config,
              execute: ((args: GrafastExecutionArgs) =>
                runRecorded(args, config.execute, events)) as typeof config.execute,
              subscribe: ((args: GrafastExecutionArgs) =>
                runRecorded(args, config.subscribe as Execute, events)) as typeof config.subscribe,
            };
          };
          return next();
        },
      },
    },
  };
}

async function runRecorded(
  args: GrafastExecutionArgs,
  execute: Execute,
  events: EventRecorder,
): Promise<unknown> {
  const operation = findOperation(args);
  const context = args.contextValue as { pgSettings?: Settings } | undefined;
  if (!operation) {
    return execute(args);
  }
  if (!context?.pgSettings) {
    // Nobody could say who it was.
    const originalError = new AppError("INTERNAL", undefined, {
      cause: new Error("An operation came without its settings; it cannot be put on record, and is not run."),
    });
    return { errors: [new GraphQLError("The operation is not on record.", { originalError })] };
  }
  const { schema, document, variableValues } = args;
  const settings = {
    ...context.pgSettings,
    "app.operation": operation.name?.value ?? "",
    "app.document_hash": kept(documentHashes, document, () => sha256(document.loc?.source.body ?? "")),
  };
  const running: Running = {
    record: new AccessRecord(),
    settings,
    reached: reachedColumns(schema, sensitiveCoordinates(schema), {
      document,
      operation,
      variables: variableValues,
    }),
    isMutation: operation.operation === OperationTypeNode.MUTATION,
    fields: operation.selectionSet.selections.flatMap((each) =>
      each.kind === Kind.FIELD ? [each.name.value] : [],
    ),
  };
  const contextValue = { ...context, pgSettings: settings, accessRecord: running.record };
  const result = await execute({ ...args, contextValue });
  return isAsyncIterable(result)
    ? recordEach(result as AsyncIterable<ExecutionResult>, running, events)
    : recordAnswer(result as ExecutionResult, running, events);
}

/** The answer, when what it tells is on record; else an error in its place. */
async function recordAnswer(
  result: ExecutionResult,
  { record, settings, reached, isMutation, fields }: Running,
  events: EventRecorder,
): Promise<ExecutionResult> {
  const refusal = refusalIn(result, isMutation);
  if (refusal) {
    await events.recordRefusal({
      settings,
      organizationId: null,
      tableName: isMutation ? "mutation" : "query",
      fields,
      patientIds: [],
      rowCount: null,
      errorCode: refusal,
    });
  }
  const hasAnswer = result.data !== null && result.data !== undefined;
  if (record.isEmpty && (reached.size === 0 || !hasAnswer)) {
    return result;
  }
  try {
    await events.record(record.take(settings, reached));
    return result;
  } catch (cause) {
    return {
      errors: [new GraphQLError("The read is not on record.", { originalError: notRecorded(cause) })],
    };
  }
}

function notRecorded(cause: unknown): AppError {
  return new AppError("UNAVAILABLE", undefined, { cause });
}

/** `return()` ends at once, which a generator that waits for its source could not. */
function recordEach(
  results: AsyncIterable<ExecutionResult>,
  running: Running,
  events: EventRecorder,
): AsyncIterableIterator<ExecutionResult> {
  const source = results[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const { done, value } = await source.next();
      return done
        ? { done, value: undefined }
        : { done: false, value: await recordAnswer(value, running, events) };
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
    async throw(error) {
      await source.throw?.(error);
      return { done: true, value: undefined };
    },
  };
}

function refusalIn({ errors }: ExecutionResult, isMutation: boolean): ErrorCode | undefined {
  const anonymous = currentRequestContext()?.anonymous ?? true;
  const codes = (errors ?? []).map((error) => classifyError(error, anonymous).code);
  return codes.find((code) => (isMutation ? REFUSED_CHANGES : REFUSALS).has(code));
}
