import { systemTask } from "../jobs/systemTask.ts";

/** Deletes the kept answers of mutations whose day is over, batch by batch. */
export default systemTask("request__forget_answers", {
  timeout: 10 * 60_000,
  parse: () => null,
  async perform({ inSystem, logger }) {
    for (;;) {
      const deleted = await inSystem(async (client) => {
        const { rows } = await client.query<{ deleted: number }>(
          "select app_hidden.delete_expired_answers() as deleted",
        );
        return rows[0]?.deleted ?? 0;
      });
      if (deleted === 0) {
        return;
      }
      logger.info(`Forgot ${deleted} answers.`);
    }
  },
});
