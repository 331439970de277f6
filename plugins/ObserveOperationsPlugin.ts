import "grafserv";
import "grafast";

import { type GrafastExecutionArgs, isAsyncIterable } from "grafast";
import { getOperationAST } from "graphql";

import type { RequestRecorder } from "../src/http/logRequest.ts";
import { currentRequestContext, type RequestContext } from "../src/http/requestContext.ts";
import type { Metrics } from "../src/telemetry/metrics.ts";
import { withSpan } from "../src/telemetry/tracing.ts";

export interface ObserveOptions {
  recorder: RequestRecorder;
  metrics: Metrics;
  /** Whether answers carry `Server-Timing`, which tells anybody how long the database took: for development. */
  tellsTiming: boolean;
}

/**
 * Notes what each operation is called and of which kind it is, gives it a span, and writes the line of those that come by
 * websocket (HTTP's is written when the answer has been sent). The name is the client's, checked by GraphQL's grammar.
 */
export function makeObserveOperationsPlugin({
  recorder,
  metrics,
  tellsTiming,
}: ObserveOptions): GraphileConfig.Plugin {
  const plans = new WeakSet<object>();
  return {
    name: "ObserveOperationsPlugin",
    description: "Notes what operations are called and how long they take",
    version: "1.0.0",
    grafast: {
      middleware: {
        execute: (next, { args }) => observe(args, recorder, next),
        subscribe: (next, { args }) => observe(args, recorder, next),
        establishOperationPlan(next) {
          const plan = next();
          metrics.cacheRequests.inc({ cache: "plans", result: plans.has(plan) ? "hit" : "miss" });
          plans.add(plan);
          return plan;
        },
      },
    },
    grafserv: {
      middleware: {
        async processRequest(next) {
          const result = await next();
          const context = currentRequestContext();
          if (
            tellsTiming &&
            context?.operation &&
            result &&
            (result.type === "buffer" || result.type === "json")
          ) {
            result.headers["server-timing"] = serverTiming(context);
          }
          return result;
        },
      },
    },
  };
}

function observe<Result>(args: GrafastExecutionArgs, recorder: RequestRecorder, next: () => Result): Result {
  const context = currentRequestContext();
  const operation = getOperationAST(args.document, args.operationName ?? undefined);
  if (!context || !operation) {
    return next();
  }
  context.operation = { name: operation.name?.value ?? null, kind: operation.operation };
  const result = withSpan(
    "graphql",
    () => ({
      "graphql.operation.type": operation.operation,
      ...(operation.name && { "graphql.operation.name": operation.name.value }),
    }),
    next,
  );
  if (args.requestContext?.ws) {
    void recordAtEnd(result, context, recorder);
  }
  return result;
}

/** A subscription has its line when it begins: its end may be days away, and the socket's own is told by a metric. */
async function recordAtEnd(
  result: unknown,
  context: RequestContext,
  recorder: RequestRecorder,
): Promise<void> {
  try {
    const answer = await result;
    if (!isAsyncIterable(answer) && (answer as { errors?: unknown[] } | null)?.errors?.length) {
      // Masking, which names the codes, comes after this.
      await new Promise(setImmediate);
    }
  } catch {
    context.errorCodes.add("INTERNAL");
  }
  recorder.record(context, { status: null });
}

/** https://www.w3.org/TR/server-timing/ */
function serverTiming({ startedAt, database }: RequestContext): string {
  const durations = { wait: database.waited, db: database.busy, total: performance.now() - startedAt };
  return Object.entries(durations)
    .map(([name, duration]) => `${name};dur=${duration.toFixed(1)}`)
    .join(", ");
}
