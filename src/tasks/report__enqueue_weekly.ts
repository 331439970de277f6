import { scheduledAt } from "../jobs/scheduledAt.ts";
import { systemTask } from "../jobs/systemTask.ts";

/** Adds a `report__create_weekly` for each organization, on the week before the one that the job is for. */
export default systemTask("report__enqueue_weekly", {
  timeout: 60_000,
  parse: scheduledAt,
  async perform({ payload: dueAt, inSystem }) {
    await inSystem((client) =>
      client.query(
        "select app_hidden.enqueue_weekly_reports(($1::timestamptz at time zone 'UTC')::date - 7)",
        [dueAt],
      ),
    );
  },
});
