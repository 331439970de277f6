import { describe, it } from "@jest/globals";

import { findPostgresProgram } from "../../src/backup/findPostgresProgram.ts";

/** The version of Postgres that this run is on. */
export const version = process.env.TEST_POSTGRES_VERSION === "15" ? 15 : 18;

const isHere = await findPostgresProgram("pg_dump", version, { path: process.env.PATH ?? "" }).then(
  () => true,
  () => false,
);

/** Tests that need pg_dump, which the embedded Postgres does not bring: where there is none they are skipped, and say so. */
export function describeWithPgDump(name: string, tests: () => void): void {
  describe(name, () => {
    // No hook runs where every test is skipped, and what they opened would stay.
    if (isHere) {
      tests();
    } else {
      it.skip(`no pg_dump ${version} is here: install postgresql-client-${version}`, () => undefined);
    }
  });
}
