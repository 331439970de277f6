import { systemTask } from "../jobs/systemTask.ts";

/** Adds a `break_glass__notify` for each organization: the schedule itself belongs to none. */
export default systemTask("break_glass__remind", {
  timeout: 60_000,
  parse: () => null,
  async perform({ inSystem }) {
    await inSystem((client) => client.query("select app_hidden.enqueue_review_reminders()"));
  },
});
