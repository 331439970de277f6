import type { RequestHandler } from "express";
import type { Logger } from "pino";

import type { ErrorCode } from "../errors/catalogue.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Pseudonym } from "../telemetry/pseudonyms.ts";
import { currentTraceId, traceRequest } from "../telemetry/tracing.ts";
import { currentRequestContext, type RequestContext } from "./requestContext.ts";

export interface RequestRecorder {
  /** Writes the line of an operation that has ended, and counts it. */
  record(
    context: RequestContext,
    answer: { status: number | null; address?: string; traceId?: string },
  ): void;
}

interface RecorderParts {
  logger: Logger;
  metrics: Metrics;
  pseudonym: Pseudonym;
  /** Names of operations that may stand in a label: those that the installation itself has published. */
  operationNames: ReadonlySet<string>;
}

/** For people who read metrics: every operation whose name is not one of ours. */
const OTHER = "other";
const MAXIMUM_NAME_LENGTH = 64;

/**
 * One line for each operation, whatever became of it. The line is made of the fields below and of nothing else: what is not
 * named here (variables, headers, the document, an address) cannot get into the log by being in a request.
 */
export function makeRequestRecorder({
  logger,
  metrics,
  pseudonym,
  operationNames,
}: RecorderParts): RequestRecorder {
  // Looking for secrets in a line that can have none takes longer than writing it.
  const lines = logger.child({}, { redact: [] });
  return {
    record(context, { status, address, traceId = currentTraceId() }) {
      const { operation, errorCodes, database } = context;
      const duration = performance.now() - context.startedAt;
      const kind = operation?.kind ?? "none";
      const outcome = gravest(errorCodes);
      const name = operation?.name ?? null;
      metrics.operations.inc({ kind, outcome });
      if (operation) {
        const label = name !== null && operationNames.has(name) ? name : OTHER;
        metrics.operationSeconds.observe({ operation: label, kind }, duration / 1000);
      }
      lines.info(
        {
          requestId: context.requestId,
          traceId,
          kind,
          operation: name?.slice(0, MAXIMUM_NAME_LENGTH),
          actor: context.userId === null ? null : pseudonym(context.userId),
          address: address === undefined ? undefined : pseudonym(address),
          status,
          codes: errorCodes.size > 0 ? [...errorCodes] : undefined,
          cost: context.cost ?? undefined,
          milliseconds: rounded(duration),
          databaseMilliseconds: rounded(database.busy),
          waitedMilliseconds: rounded(database.waited),
          transactions: database.transactions,
          left: context.signal.aborted || undefined,
        },
        "request",
      );
    },
  };
}

/** Gives every request its span where traces are on. */
export const openSpan: RequestHandler = ({ method, headers }, response, next) => {
  const onEnd = (callback: (status: number) => void) =>
    void response.once("close", () => callback(response.statusCode));
  traceRequest({ method, headers, onEnd }, next);
};

/** Writes the line of an HTTP request when its answer is complete, or its client has gone. */
export function makeLogRequest(recorder: RequestRecorder): RequestHandler {
  return (request, response, next) => {
    const context = currentRequestContext();
    if (context) {
      // Kept now: a closed socket has no address any more.
      const address = request.ip;
      const traceId = currentTraceId();
      response.once("close", () => {
        recorder.record(context, { status: response.statusCode, address, traceId });
      });
    }
    next();
  };
}

/** The code that stands for an answer: of an outage before all others, since that is what somebody has to mend. */
function gravest(codes: ReadonlySet<ErrorCode>): string {
  const grave = (["INTERNAL", "UNAVAILABLE", "TIMEOUT"] as const).find((code) => codes.has(code));
  return grave ?? codes.values().next().value ?? "OK";
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
