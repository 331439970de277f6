import { scheduledAt } from "../jobs/scheduledAt.ts";
import { systemTask } from "../jobs/systemTask.ts";

const ENQUEUE = "select app_hidden.enqueue_weekly_reports(($1::timestamptz at time zone 'UTC')::date - 7)";

/** Adds a `report__create_weekly` for each organization, once a tick, on the week before the one that the job is for. */
export default systemTask("report__enqueue_weekly", {
  timeout: 60_000,
  parse: scheduledAt,
  async perform({ payload: dueAt, inSystem, claimEffect }) {
    const isNew = await inSystem(async (client) => {
      const claimed = await claimEffect(client, dueAt);
      if (claimed) {
        await client.query(ENQUEUE, [dueAt]);
      }
      return claimed;
    });
    return isNew ? undefined : { nothing: `the tick of ${dueAt} has taken effect before.` };
  },
});
