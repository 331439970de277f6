/**
 * The jobs that belong to no organization, each with the reason. Nothing else runs outside of a tenant: `systemTask` takes
 * these names only, and docs/access-matrix.md shows what each of them reaches.
 */
export const SYSTEM_JOBS = {
  export__clean_up: "Removes files by what the database says of their exports; reads ids, hashes and times.",
  integration__enqueue: "Adds one job for each organization.",
  maintenance__clean_up: "Deletes what has expired by its age, whose ever it is; reads none of it.",
  maintenance__nightly: "Refreshes statistics, and reads names and figures of the catalogue; no row.",
  mail__send:
    "A mail goes to a person, who may belong to no organization yet; the database says to which address.",
  audit__make_partitions: "Makes empty partitions of the audit; reads how many events are in none of them.",
  break_glass__remind: "Adds one job for each organization.",
  metrics__enqueue: "Adds one job for each organization.",
  report__enqueue_weekly: "Adds one job for each organization.",
  request__forget_answers: "Deletes kept answers by their age, whose ever they are; reads none.",
  webhook__apply: "A provider's event names a customer or an identity; the database says whose that is.",
} as const;

export type SystemJobName = keyof typeof SYSTEM_JOBS;
