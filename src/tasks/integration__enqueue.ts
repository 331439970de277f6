import { systemTask } from "../jobs/systemTask.ts";

/** Adds an `integration__plan` for each organization: the schedule itself belongs to none. */
export default systemTask("integration__enqueue", {
  timeout: 60_000,
  parse: () => null,
  async perform({ inSystem }) {
    await inSystem((client) => client.query("select app_hidden.enqueue_integrations()"));
  },
});
