import { scheduledAt } from "../jobs/scheduledAt.ts";
import { systemTask } from "../jobs/systemTask.ts";

/** Adds a `metrics__calculate` for each organization, once a tick: the schedule itself belongs to none. */
export default systemTask("metrics__enqueue", {
  timeout: 60_000,
  parse: scheduledAt,
  async perform({ payload: dueAt, inSystem, claimEffect }) {
    const isNew = await inSystem(async (client) => {
      const claimed = await claimEffect(client, dueAt);
      if (claimed) {
        await client.query("select app_hidden.enqueue_metric_calculations()");
      }
      return claimed;
    });
    return isNew ? undefined : { nothing: `the tick of ${dueAt} has taken effect before.` };
  },
});
