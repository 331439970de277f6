import type { ClientBase } from "pg";

import { verifiedSignatures } from "../auth/verifiedSignatures.ts";
import { demoUserId } from "./demoPeople.ts";
import { makeDemoVault } from "./demoVault.ts";
import { insertRows, type SeedReport } from "./insertRows.ts";

/**
 * Gives Pat a device, sealed records and a share, in the open transaction of the administrator's own connection: every role
 * of the application but the owner's is closed out of the vault. A vault that is in use stays as it is: its owner's keys
 * are in it.
 */
export async function seedVault(client: ClientBase, now: Date): Promise<SeedReport> {
  const userId = demoUserId("pat");
  const { rows } = await client.query(
    `\
select from app_vault.device_keys where user_id = $1
union all
select from app_vault.encrypted_user_prefs where user_id = $1
union all
select from app_vault.encrypted_cycle_data where user_id = $1`,
    [userId],
  );
  if (rows.length > 0) {
    return {};
  }
  const { challenge, message, proof, device, rows: tables } = await makeDemoVault(now);
  await client.query(
    `\
insert into app_vault.device_key_challenges (user_id, challenge) values ($1, $2)
on conflict (user_id) do update set challenge = excluded.challenge, expires_at = default`,
    [userId, Buffer.from(challenge)],
  );
  const signatures = verifiedSignatures(message, [{ signingKey: device.signingKey, signature: proof }]);
  await client.query("select set_config('app.verified_signatures', $1, true)", [signatures]);
  const report = await insertRows(client, "app_vault", tables);
  await client.query("select set_config('app.verified_signatures', '', true)");
  return report;
}
