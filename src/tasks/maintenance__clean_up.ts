import { systemTask } from "../jobs/systemTask.ts";

/** As app_hidden.clean_up() knows them. */
const KINDS = [
  "sessions",
  "shares",
  "webhook_events",
  "dead_letters",
  "registrations",
  "email_tokens",
  "export_links",
  "job_effects",
];

/** Deletes what nobody can use any more (jobs/clean_up.sql), each batch in a transaction of its own. */
export default systemTask("maintenance__clean_up", {
  timeout: 30 * 60_000,
  parse: () => null,
  async perform({ inSystem, logger }) {
    for (const kind of KINDS) {
      let deleted: number;
      let total = 0;
      do {
        deleted = await inSystem(async (client) => {
          const { rows } = await client.query<{ deleted: number }>(
            "select app_hidden.clean_up($1) as deleted",
            [kind],
          );
          return rows[0]?.deleted ?? 0;
        });
        total += deleted;
      } while (deleted > 0);
      if (total > 0) {
        logger.info(`Cleaned up ${total} ${kind.replace("_", " ")}.`);
      }
    }
  },
});
