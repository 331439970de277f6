import { parseArgs } from "node:util";

import { type Size, SIZES } from "./data/shapes.ts";

export interface BenchOptions {
  /** Empty: all of them. */
  workloads: string[];
  /** Seconds of one round of one server. */
  seconds: number;
  rounds: number;
  connections: number;
  size: Size;
  /** Servers to measure; empty: all of them. */
  only: string[];
  /** Whether docs/benchmarks.md is written. */
  writesPage: boolean;
}

export const USAGE = `npm run bench -- [workload …] [options]

Measures this gateway beside others on the same data, with the same policies, and with the same answers. Without a workload:
all of them, and docs/benchmarks.md is written. With some: their figures on the terminal, and the page stays as it is, or with
--page is of these alone.

  --seconds N          of one round of one server (2)
  --rounds N           which the servers take in turn; medians count (3)
  --connections N      of the load (32)
  --rows SIZE          how much data: small is for a try-out, huge has 10,000 tenants with ten million rows (full)
  --only NAME,NAME     of the servers, these
  --page               write docs/benchmarks.md, with what was measured and nothing else
  --help               this text

The data lie in .data/bench and are kept; making them takes minutes. What the other servers need is installed on first use.`;

/** @throws with what is wrong, and what there is. */
export function parseOptions(args: string[], known: { workloads: string[]; servers: string[] }) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "2" },
      rounds: { type: "string", default: "3" },
      connections: { type: "string", default: "32" },
      rows: { type: "string", default: "full" },
      only: { type: "string", default: "" },
      page: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const only = values.only.split(",").filter((name) => name !== "");
  assertKnown("workload", positionals, known.workloads);
  assertKnown("server", only, known.servers);
  const size = SIZES.find((candidate) => candidate === values.rows);
  if (size === undefined) {
    throw new Error(`--rows must be ${SIZES.join(" or ")}; got '${values.rows}'`);
  }
  const options: BenchOptions = {
    workloads: positionals,
    seconds: positive("seconds", values.seconds),
    rounds: whole("rounds", values.rounds),
    connections: whole("connections", values.connections),
    size,
    only,
    writesPage: values.page || (positionals.length === 0 && only.length === 0),
  };
  return { options, isHelp: values.help };
}

function assertKnown(what: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`Unknown ${what} '${unknown.join("', '")}'; there are: ${known.join(", ")}`);
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) {
    throw new Error(`--${name} must be above 0; got '${text}'`);
  }
  return value;
}

function whole(name: string, text: string): number {
  const value = positive(name, text);
  if (!Number.isInteger(value)) {
    throw new Error(`--${name} must be a whole number; got '${text}'`);
  }
  return value;
}
