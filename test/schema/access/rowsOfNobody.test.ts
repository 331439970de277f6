import { describe, expect, it } from "@jest/globals";

import { useTestDatabase } from "../../support/database.ts";

const ID = "gen_random_uuid()";

const db = useTestDatabase();

/** Tables that no request writes, so that nothing but the column itself keeps a row from being nobody's. */
describe("a row that belongs to no organization", () => {
  it.each([
    [
      "export_links",
      `insert into app_private.export_links (token_hash, organization_id, export_id, user_id, expires_at)
       values (sha256('x'), null, ${ID}, ${ID}, now())`,
    ],
    [
      "integration_credentials",
      `insert into app_private.integration_credentials
         (integration_id, organization_id, clinic_id, key_id, nonce, ciphertext)
       values (${ID}, null, ${ID}, 'k', '', '')`,
    ],
    [
      "webhook_secrets",
      `insert into app_private.webhook_secrets (organization_id, endpoint_id, key_id, nonce, ciphertext)
       values (null, ${ID}, 'k', '', '')`,
    ],
    [
      "backfill_originals",
      `insert into app_private.backfill_originals (run_id, table_name, row_id, original, written)
       values (${ID}, 'app_public.patients', ${ID}, '{}', '{}')`,
    ],
  ])("is taken by none of the server's tables, whoever writes it: %s", (table, sql) =>
    db.inTransaction(async (client) => {
      await expect(client.query(sql)).rejects.toMatchObject({
        code: "23502",
        table,
        column: "organization_id",
      });
    }),
  );
});
