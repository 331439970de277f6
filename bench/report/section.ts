/** What one server did with a workload; medians of its rounds. */
export interface ServerFigures {
  server: string;
  title: string;
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Milliseconds of processor for one request: the server's own, and Postgres'. */
  cpu: number;
  databaseCpu: number;
  /** MiB, at its most. */
  memory: number;
}

export interface Table {
  head: string[];
  rows: string[][];
}

/** A target of the project, and what came out. */
export interface Target {
  promise: string;
  measured: string;
  holds: boolean;
}

/** What a workload has to say. */
export interface Section {
  name: string;
  title: string;
  about: string;
  table: Table;
  targets: Target[];
  /** Of workloads that compare servers: for the chart. */
  servers?: ServerFigures[];
}

export const whole = (value: number) => Math.round(value).toLocaleString("en");
export const fixed = (value: number, digits = 2) => value.toFixed(digits);
