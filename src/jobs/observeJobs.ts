import { EventEmitter } from "node:events";

import type { WorkerEvents } from "graphile-worker";

import type { Metrics } from "../telemetry/metrics.ts";
import { recordJob } from "../telemetry/tracing.ts";
import { JOB_OUTCOMES } from "./runJob.ts";

/** What the worker is to tell its jobs to: their times become metrics and spans, by task and by what became of them. */
export function observeJobs(metrics: Metrics): WorkerEvents {
  const events: WorkerEvents = new EventEmitter();
  const starts = new Map<string, number>();
  events.on("job:start", ({ job }) => void starts.set(job.id, Date.now()));
  events.on("job:complete", ({ job, error }) => {
    const startedAt = starts.get(job.id) ?? Date.now();
    starts.delete(job.id);
    const outcome = JOB_OUTCOMES.get(job) ?? (error ? "failed" : "done");
    const hasFailed = Boolean(error) || outcome === "parked";
    // The names of tasks are files of this program: a closed set.
    metrics.jobSeconds.observe({ task: job.task_identifier, outcome }, (Date.now() - startedAt) / 1000);
    recordJob(job.task_identifier, startedAt, hasFailed);
  });
  return events;
}
