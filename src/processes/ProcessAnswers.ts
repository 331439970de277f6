import type { Readiness } from "../http/adminServer.ts";

/** What a serving process tells the one that supervises it, by what it is asked for. */
export interface ProcessAnswers {
  readiness: Readiness;
  /** As `Metrics.values` has them. */
  metrics: object;
}

export type Topic = keyof ProcessAnswers;

export interface Question {
  topic: Topic;
  id: number;
}

/** An answer, or without `id` the news that the process serves. */
export type Report =
  { id: number; answer: ProcessAnswers[Topic] | null } | { id?: undefined; serving: string };
