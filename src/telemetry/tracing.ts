import { type Attributes, context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

const KINDS = { graphql: SpanKind.INTERNAL, postgres: SpanKind.CLIENT } as const;
const TRACER = "bailiwick";

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
    .getTracer(TRACER)
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

/** A request as far as its span is concerned. */
interface TracedRequest {
  method: string;
  headers: Readonly<Record<string, unknown>>;
  /** Calls back with the status when the answer has ended. */
  onEnd(callback: (status: number) => void): void;
}

/** Runs `work` in the span of a request, as a part of the trace that its headers name if they do (W3C traceparent). */
export function traceRequest({ method, headers, onEnd }: TracedRequest, work: () => void): void {
  if (!isTracing) {
    work();
    return;
  }
  const attributes = { "http.request.method": method };
  const parent = propagation.extract(context.active(), headers);
  trace
    .getTracer(TRACER)
    .startActiveSpan(`http ${method}`, { kind: SpanKind.SERVER, attributes }, parent, (span) => {
      onEnd((status) => {
        span.setAttribute("http.response.status_code", status);
        if (status >= 500) {
          span.setStatus({ code: SpanStatusCode.ERROR });
        }
        span.end();
      });
      work();
    });
}

/** Records what has been done already, for libraries that say so in two events. `startedAt` is of `Date.now()`. */
export function recordJob(task: string, startedAt: number, hasFailed: boolean): void {
  if (isTracing) {
    const attributes = { "messaging.system": "graphile-worker", "messaging.operation.name": task };
    const span = trace
      .getTracer(TRACER)
      .startSpan(`job ${task}`, { kind: SpanKind.CONSUMER, attributes, startTime: startedAt });
    if (hasFailed) {
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  }
}

/** The trace that is being recorded, to be found from a log line; undefined without traces. */
export function currentTraceId(): string | undefined {
  return isTracing ? trace.getActiveSpan()?.spanContext().traceId : undefined;
}

function spanName(kind: keyof typeof KINDS, attributes: Attributes): string {
  const { "db.operation.name": verb, "graphql.operation.type": type } = attributes;
  return `${kind} ${String(verb ?? type)}`;
}
