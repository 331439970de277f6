import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

/**
 * Everything that `/metrics` shows of one gateway or worker. Labels are of closed sets (codes, states, names that are in
 * the code or in a manifest): never an id, an address or a word of a client's.
 */
export interface Metrics {
  registry: Registry;
  operationSeconds: Histogram<"operation" | "kind">;
  operations: Counter<"kind" | "outcome">;
  databaseWaitSeconds: Histogram;
  databaseBusySeconds: Histogram;
  databaseRetries: Counter<"sqlstate">;
  databaseCancellations: Counter;
  refusals: Counter<"reason">;
  cacheRequests: Counter<"cache" | "result">;
  jobSeconds: Histogram<"task" | "outcome">;
  /** A value that is read when somebody looks. */
  observe(name: string, help: string, read: () => number): void;
  /** Several of them, told apart by one label. `ofAll`: what several processes say of it together. */
  observeEach(
    name: string,
    help: string,
    label: string,
    read: () => Promise<Readonly<Record<string, number>>>,
    ofAll?: "sum" | "max",
  ): void;
  /** As Prometheus reads it, with those of the process itself. */
  text(): Promise<string>;
  /** The same for another process, which puts those of several together. */
  values(): Promise<object>;
}

const SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

let ofProcess: Registry | undefined;

/** Memory, garbage collection and the event loop: of the process, however many gateways are in it. */
function processRegistry(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

export function makeMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const histogram = <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) =>
    new Histogram({ name, help, labelNames, buckets: SECONDS, registers });
  const counter = <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const all = () => Registry.merge([processRegistry(), registry]);
  const operationHelp = "Seconds from a request's arrival to the end of its answer.";
  return {
    registry,
    operationSeconds: histogram("bailiwick_operation_seconds", operationHelp, ["operation", "kind"]),
    operations: counter("bailiwick_operations_total", "Answers, by the gravest error in them.", [
      "kind",
      "outcome",
    ]),
    databaseWaitSeconds: histogram("bailiwick_database_wait_seconds", "Seconds waited for a connection."),
    databaseBusySeconds: histogram(
      "bailiwick_database_busy_seconds",
      "Seconds a transaction held its connection.",
    ),
    databaseRetries: counter("bailiwick_database_retries_total", "Transactions that were run again.", [
      "sqlstate",
    ]),
    databaseCancellations: counter(
      "bailiwick_database_cancellations_total",
      "Statements stopped because their client had left.",
    ),
    refusals: counter("bailiwick_refusals_total", "Requests turned away to protect the others.", ["reason"]),
    cacheRequests: counter("bailiwick_cache_requests_total", "What was looked for in caches.", [
      "cache",
      "result",
    ]),
    jobSeconds: histogram("bailiwick_job_seconds", "Seconds that jobs took.", ["task", "outcome"]),
    ...makeGauges(registers),
    text: () => all().metrics(),
    values: () => all().getMetricsAsJSON(),
  };
}

/** Gauges whose values are read when somebody looks. */
function makeGauges(registers: Registry[]): Pick<Metrics, "observe" | "observeEach"> {
  return {
    observe(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    },
    observeEach(name, help, label, read, ofAll = "sum") {
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers,
        aggregator: ofAll,
        async collect() {
          this.reset();
          for (const [value, number] of Object.entries(await read())) {
            this.set({ [label]: value }, number);
          }
        },
      });
    },
  };
}
