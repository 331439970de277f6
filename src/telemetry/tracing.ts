import { type Attributes, context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

/** What spans are made of; the name of a span is its kind's and, where there is one, the operation's. */
const KINDS = {
  http: SpanKind.SERVER,
  graphql: SpanKind.INTERNAL,
  postgres: SpanKind.CLIENT,
  job: SpanKind.CONSUMER,
} as const;

let isTracing = false;

/**
 * Starts OpenTelemetry's own SDK, which reads its configuration (exporter, address, sampling, service name) from the
 * `OTEL_*` variables. It is loaded here and not before: without those variables nothing of it is in the process.
 *
 * @param isEnabled whether any of its variables is set.
 * @returns what sends the last spans and stops it.
 */
export async function startTracing(isEnabled: boolean): Promise<() => Promise<void>> {
  if (!isEnabled) {
    return async () => undefined;
  }
  const { NodeSDK } = await import("@opentelemetry/sdk-node");
  // No automatic instrumentation: it would record statements and headers with their values.
  const sdk = new NodeSDK({ serviceName: "bailiwick", instrumentations: [] });
  sdk.start();
  isTracing = true;
  return async () => {
    isTracing = false;
    await sdk.shutdown();
  };
}

/**
 * Runs `work` in a span; without traces it is one comparison. A failed promise marks the span with the error's code, never
 * with its message, which may quote values.
 *
 * @param describe attributes: names and kinds, no values.
 */
export function withSpan<T>(kind: keyof typeof KINDS, describe: () => Attributes, work: () => T): T {
  if (!isTracing) {
    return work();
  }
  const attributes = describe();
  return trace
    .getTracer("bailiwick")
    .startActiveSpan(spanName(kind, attributes), { kind: KINDS[kind], attributes }, (span) => {
      const fail = (error: unknown) => {
        const code = (error as { code?: unknown } | null)?.code;
        span.setStatus({ code: SpanStatusCode.ERROR });
        span.setAttribute("error.type", typeof code === "string" ? code : "error");
        span.end();
      };
      try {
        const result = work();
        if (result instanceof Promise) {
          result.then(() => span.end(), fail);
        } else {
          span.end();
        }
        return result;
      } catch (error) {
        fail(error);
        throw error;
      }
    });
}

/** Runs `work` as a part of the trace that the headers of a request name, if they do and traces are on. */
export function continueTrace<T>(headers: Readonly<Record<string, unknown>>, work: () => T): T {
  return isTracing ? context.with(propagation.extract(context.active(), headers), work) : work();
}

/** The trace that is being recorded, to be found from a log line; undefined without traces. */
export function currentTraceId(): string | undefined {
  return isTracing ? trace.getActiveSpan()?.spanContext().traceId : undefined;
}

function spanName(kind: keyof typeof KINDS, attributes: Attributes): string {
  const {
    "db.operation.name": verb,
    "graphql.operation.type": type,
    "messaging.operation.name": task,
  } = attributes;
  return [kind, verb ?? type ?? task].filter((part) => typeof part === "string").join(" ");
}
