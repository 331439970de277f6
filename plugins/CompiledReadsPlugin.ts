import "grafast";

import { Counter } from "prom-client";

import { CompiledReads, type ReadOutcome } from "../src/compiledReads/CompiledReads.ts";
import type { Metrics } from "../src/telemetry/metrics.ts";

export interface CompiledReadsParts {
  metrics: Pick<Metrics, "registry">;
  defaultPageSize: number;
}

/**
 * Lets Postgres write the answers of queries that are plain trees of selects (src/compiledReads). Everything before and after
 * the execution, and every query that is anything more, stays as it is. What fields mean is said by FieldMeaningsPlugin.
 */
export function makeCompiledReadsPlugin({
  metrics,
  defaultPageSize,
}: CompiledReadsParts): GraphileConfig.Plugin {
  const counted = new Counter({
    name: "bailiwick_compiled_reads_total",
    help: "Queries, by whether one compiled statement answered them.",
    labelNames: ["result"],
    registers: [metrics.registry],
  });
  const onOutcome = (result: ReadOutcome) => counted.inc({ result });
  const reads = new CompiledReads({ defaultPageSize, onOutcome });
  return {
    name: "CompiledReadsPlugin",
    description: "Answers plain queries with one statement whose result is the text of the answer",
    version: "1.0.0",
    grafast: {
      middleware: {
        async execute(next, { args }) {
          // Only grafserv's HTTP handler writes a text as it is; everybody else wants the data.
          const answer = args.requestContext?.http && args.onError === undefined ? reads.tryRun(args) : null;
          return (answer && (await answer)) ?? next();
        },
      },
    },
  };
}
