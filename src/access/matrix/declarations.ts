import { envelopeAad, type RecordIdentity } from "../../vault-client/index.ts";
import type { Row } from "./relations.ts";

/** What the catalogue cannot say of a table's probes. Most tables need none. */
export interface Declaration {
  /** The change of an update, in SQL; otherwise one column is set to itself. `t` is the row. */
  set?: string;
  /** Values in which a new row of a person differs from the one that it copies, besides fresh keys. */
  fresh?: (row: Row, userId: string | null) => Row;
  /** Why nobody can do a command with SQL alone, though columns are granted for it. */
  unreachable?: Readonly<Partial<Record<"insert" | "update" | "delete", string>>>;
}

/** A sealed record says, in what is signed with it, which row of whom it is. */
function sealed(table: RecordIdentity["table"]): Declaration {
  const aad = `app_hidden.envelope_aad('${table}', t.id, t.user_id, t.version + 1, t.envelope_version, t.algorithm, t.key_id)`;
  return {
    set: `version = t.version + 1, nonce = substring(sha256(t.nonce) for octet_length(t.nonce)), aad = ${aad}`,
    fresh: ({ id, key_id: keyId, algorithm }, userId) => {
      const identity = { table, rowId: String(id), userId: String(userId), version: 1 };
      const form = { envelopeVersion: 1, algorithm: String(algorithm), keyId: String(keyId) };
      return { aad: `\\x${Buffer.from(envelopeAad(identity, form)).toString("hex")}` };
    },
  };
}

export const DECLARATIONS: Readonly<Record<string, Declaration>> = {
  "app_public.break_glass_grants": { set: "reviewed_at = now(), reviewed_by = auth.uid()" },
  "app_public.invitations": { set: "revoked_at = now()" },
  "app_vault.device_keys": {
    unreachable: {
      insert:
        "A new device signs a fresh challenge, and the gateway has to have verified it (test/schema/vault/deviceKeys.test.ts).",
    },
  },
  "app_vault.encrypted_cycle_data": sealed("app_vault.encrypted_cycle_data"),
  "app_vault.encrypted_user_prefs": sealed("app_vault.encrypted_user_prefs"),
};
