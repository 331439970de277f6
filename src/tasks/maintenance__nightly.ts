import { systemTask } from "../jobs/systemTask.ts";

const TABLES = `\
select c.oid as id
from pg_catalog.pg_class c
where c.relnamespace::regnamespace::text ~ '^app_' and (c.relkind = 'p' or (c.relkind = 'r' and not c.relispartition))
order by id`;

interface Finding {
  kind: "bloated_table" | "unused_index";
  object: string;
}

/** Refreshes the statistics of every table, and keeps and logs what a look at bloat and unused indexes finds. */
export default systemTask("maintenance__nightly", {
  timeout: 60 * 60_000,
  maxAttempts: 3,
  parse: () => null,
  async perform({ inSystem, logger }) {
    const tables = await inSystem(async (client) => (await client.query<{ id: number }>(TABLES)).rows);
    for (const { id } of tables) {
      // Each in its own transaction: its lock keeps schema changes and VACUUM out.
      await inSystem((client) => client.query("select app_hidden.analyze_table($1::oid)", [id]));
    }
    const findings = await inSystem(async (client) => {
      const { rows } = await client.query<{ findings: Finding[] }>(
        "select app_hidden.keep_maintenance_report() as findings",
      );
      return rows[0]?.findings ?? [];
    });
    for (const { kind, object } of findings) {
      logger.warn(`${kind === "bloated_table" ? "Bloated table" : "Unused index"}: ${object}`);
    }
  },
});
