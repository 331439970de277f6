import { JobProblem } from "../jobs/JobProblem.ts";
import { systemTask } from "../jobs/systemTask.ts";

/** Months after the present one for which there has to be a partition, or somebody has to look. */
const MINIMUM_MONTHS = 2;

/** Makes the audit's partitions ahead. Fails, for all to see, when months are missing all the same, or events are in none. */
export default systemTask("audit__make_partitions", {
  timeout: 60_000,
  parse: () => null,
  async perform({ inSystem }) {
    await inSystem((client) => client.query("select app_hidden.make_audit_partitions()"));
    const { rows } = await inSystem((client) =>
      client.query<{ monthsAhead: number; strayEvents: string }>(
        `select p.months_ahead as "monthsAhead", p.stray_events as "strayEvents" from app_hidden.audit_partitions() p`,
      ),
    );
    const { monthsAhead = -1, strayEvents = "0" } = rows[0] ?? {};
    if (strayEvents !== "0" || monthsAhead < MINIMUM_MONTHS) {
      throw new JobProblem(
        "not_ready",
        `The audit has partitions for ${monthsAhead} months ahead, and ${strayEvents} events in none of its months.`,
        { isFinal: true },
      );
    }
  },
});
