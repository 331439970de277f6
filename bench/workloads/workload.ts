import type { BenchData } from "../data/openBenchData.ts";
import type { BenchPerson } from "../data/people.ts";
import type { Shape } from "../data/shapes.ts";
import type { LoadGenerator } from "../load/LoadGenerator.ts";
import type { BenchOptions } from "../options.ts";
import type { Dialect } from "../peers/servers.ts";
import type { Section } from "../report/section.ts";

/** What a workload works with. */
export interface Bench {
  data: BenchData;
  load: LoadGenerator;
  options: BenchOptions;
  tell: (text: string) => void;
}

export interface Workload {
  name: string;
  run(bench: Bench): Promise<Section>;
}

export type Variables = Readonly<Record<string, unknown>>;

/** One question to a server, with what its right answer contains. */
export interface Ask {
  operation: string;
  variables: Variables;
  /** Null: nobody, who has no token. */
  person: BenchPerson | null;
  expect: string;
}

/** What a server is asked, in its own words where they differ. */
export interface Operation {
  document: (dialect: Exclude<Dialect, "plain">) => string;
  /** What the document's variables are, where they are not those of the question. */
  variables?: (dialect: Exclude<Dialect, "plain">, variables: Variables) => Variables;
}

/** A server while it is prepared: what it answers to one question, for questions that follow from answers. */
export interface Target {
  dialect: Dialect;
  send(ask: Omit<Ask, "expect">): Promise<Record<string, unknown>>;
}

export interface ServerWorkload {
  name: string;
  title: string;
  /** What is asked, and of whom it is not asked and why, in sentences. */
  about: string;
  shape: Shape;
  operations: Readonly<Record<string, Operation>>;
  /** The questions, in the same order for every server. */
  asks: (people: readonly BenchPerson[], target: Target) => Ask[] | Promise<Ask[]>;
  /** Names of servers that have nothing like it. */
  leftOut?: readonly string[];
  /** How many people ask. */
  people?: number;
  /** Whether it changes data: then the others work on a copy without the audit's triggers. */
  isWriting?: boolean;
}
