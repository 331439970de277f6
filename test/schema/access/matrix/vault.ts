import type { KindWrite } from "../../../support/kinds.ts";
import { type MatrixPart, row } from "./part.ts";

const TABLES = [
  "device_key_challenges",
  "device_keys",
  "encrypted_cycle_data",
  "encrypted_user_prefs",
  "healthcare_share_records",
  "healthcare_shares",
  "share_accesses",
  "share_tokens",
  "wrapped_keys",
];

/** Nobody but their owner: neither a clinic that they are shared with, which has a function for that, nor a superadmin. */
const OWNERS = row(0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0);

/** A write to what the provider of `here` keeps. */
function ofProvider(title: string, sql: string): KindWrite {
  return {
    title,
    sql: `${sql} where user_id = $1`,
    values: ({ here }) => [here.provider.userId],
    allowed: ["provider"],
  };
}

export const VAULT: MatrixPart = {
  visible: {
    ...Object.fromEntries(TABLES.map((table) => [`app_vault.${table}`, OWNERS])),
    "app_vault.encrypted_cycle_data": row(0, 2, 0, 0, 2, 2, 0, 0, 2, 0, 0, 0, 0, 0, 0),
    // Written with each version of a record, and read by nobody.
    "app_vault.spent_nonces": row(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  },
  deletable: [
    "app_vault.device_key_challenges",
    "app_vault.encrypted_cycle_data",
    "app_vault.encrypted_user_prefs",
    "app_vault.healthcare_share_records",
    "app_vault.wrapped_keys",
  ],
  writes: [
    {
      title: "remove an encrypted record",
      sql: `delete from app_vault.encrypted_cycle_data
        where user_id = $1 and id in (select record_id from app_vault.healthcare_share_records)`,
      values: ({ here }) => [here.provider.userId],
      allowed: ["provider"],
    },
    ofProvider("remove encrypted preferences", "delete from app_vault.encrypted_user_prefs"),
    ofProvider("take a record out of a share", "delete from app_vault.healthcare_share_records"),
    ofProvider("take back a share", "update app_vault.healthcare_shares set revoked_at = now()"),
    ofProvider("take back a link", "update app_vault.share_tokens set revoked_at = now()"),
    ofProvider("revoke a device key", "update app_vault.device_keys set state = 'revoked'"),
    ofProvider("remove a wrapped key", "delete from app_vault.wrapped_keys"),
    ofProvider("drop a challenge", "delete from app_vault.device_key_challenges"),
    {
      title: "share somebody's record",
      sql: `insert into app_vault.share_tokens (share_id, token_hash, expires_at)
        select id, sha256('mine'), now() + interval '1 hour' from app_vault.healthcare_shares where user_id = $1`,
      values: ({ here }) => [here.provider.userId],
      allowed: ["provider"],
    },
  ],
  refused: [
    "select * from app_vault.spent_nonces",
    "select token_hash from app_vault.share_tokens",
    "update app_vault.share_tokens set uses = 0",
    "update app_vault.share_tokens set max_uses = 100",
    "update app_vault.healthcare_shares set recipient_clinic_id = gen_random_uuid()",
    "update app_vault.healthcare_shares set expires_at = now() + interval '1 year'",
    "insert into app_vault.share_accesses (user_id, share_id) values (auth.uid(), gen_random_uuid())",
    "insert into app_vault.encrypted_cycle_data (user_id) values (auth.uid())",
    "insert into app_vault.healthcare_shares (user_id, expires_at) values (auth.uid(), now())",
    "update app_vault.encrypted_cycle_data set user_id = auth.uid()",
    "update app_vault.wrapped_keys set device_key_id = gen_random_uuid()",
    "update app_vault.device_keys set signing_key = ''",
  ],
};
