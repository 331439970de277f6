import { createCipheriv, createHash, createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { bytesFromHex, hexFromBytes } from "../../src/vault-client/canonicalBytes.ts";
import { sealRecordWithNonce } from "../../src/vault-client/envelope.ts";
import {
  deviceKeyMessage,
  envelopeAad,
  fingerprint,
  hashShareToken,
  openRecord,
  type RecordIdentity,
  unwrapDataKey,
  unwrapFromShare,
} from "../../src/vault-client/index.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();

interface EnvelopeVector extends RecordIdentity {
  envelopeVersion: number;
  algorithm: string;
  keyId: string;
  key: string;
  nonce: string;
  content: string;
  aad: string;
  ciphertext: string;
}

const { envelopes, deviceKeys, shareWraps, shareTokens, keyWraps } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../src/vault-client/testVectors.json"), "utf8"),
) as {
  envelopes: EnvelopeVector[];
  deviceKeys: (Record<string, string> & { approvedById: string | null })[];
  shareWraps: Record<string, string>[];
  shareTokens: Record<string, string>[];
  keyWraps: Record<string, string>[];
};

/** The value of a field that every vector of its kind has. */
const field = (vector: Record<string, string | null>, name: string) => String(vector[name]);
const bytes = (vector: Record<string, string | null>, name: string) => bytesFromHex(field(vector, name));

describe.each(envelopes)("the envelope of version $version in $table", (vector) => {
  const key = { id: vector.keyId, bytes: bytesFromHex(vector.key) };

  it("is what the client seals and opens", async () => {
    const sealed = await sealRecordWithNonce(
      key,
      vector,
      Buffer.from(vector.content),
      bytesFromHex(vector.nonce),
    );
    expect(hexFromBytes(sealed.ciphertext)).toBe(vector.ciphertext);
    expect(hexFromBytes(sealed.aad)).toBe(vector.aad);
    expect(Buffer.from(await openRecord(key, vector, sealed)).toString()).toBe(vector.content);
  });

  it("is what another implementation makes of its description", () => {
    const content = Buffer.from(vector.content);
    const plaintext = Buffer.alloc(content.length + 4 > 256 ? 512 : 256);
    plaintext.writeInt32BE(content.length);
    content.copy(plaintext, 4);
    const cipher = createCipheriv("aes-256-gcm", key.bytes, Buffer.from(vector.nonce, "hex"));
    cipher.setAAD(Buffer.from(vector.aad, "hex"));
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    expect(ciphertext.toString("hex")).toBe(vector.ciphertext);
  });

  it("has the additional data that the database builds", async () => {
    const { rows } = await db.superuser.query(
      "select encode(app_hidden.envelope_aad($1, $2, $3, $4, $5, $6, $7), 'hex') as aad",
      [
        vector.table,
        vector.rowId,
        vector.userId,
        vector.version,
        vector.envelopeVersion,
        vector.algorithm,
        vector.keyId,
      ],
    );
    expect(rows).toEqual([{ aad: vector.aad }]);
    expect(hexFromBytes(envelopeAad(vector, vector))).toBe(vector.aad);
  });
});

describe.each(deviceKeys)("the message of a device key approved by $approvedById", (vector) => {
  const keys = { signingKey: bytes(vector, "signingKey"), agreementKey: bytes(vector, "agreementKey") };

  it("is what the client and the database build", async () => {
    const message = deviceKeyMessage(
      bytes(vector, "challenge"),
      field(vector, "userId"),
      keys,
      vector.approvedById,
    );
    expect(hexFromBytes(message)).toBe(vector.message);
    const { rows } = await db.superuser.query(
      "select encode(app_hidden.device_key_message($1, $2, $3, $4, $5), 'hex') as message",
      [
        Buffer.from(bytes(vector, "challenge")),
        vector.userId,
        Buffer.from(keys.signingKey),
        Buffer.from(keys.agreementKey),
        vector.approvedById,
      ],
    );
    expect(rows).toEqual([{ message: vector.message }]);
  });

  it("has that signature and that fingerprint", async () => {
    const der = Buffer.from(`302e020100300506032b657004220420${vector.signingSeed}`, "hex");
    const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    expect(sign(null, bytes(vector, "message"), key).toString("hex")).toBe(vector.signature);
    expect(await fingerprint(keys)).toBe(vector.fingerprint);
  });
});

it.each(shareWraps)("a data key wrapped for the share $shareId can be unwrapped", async (vector) => {
  const opened = await unwrapFromShare(
    bytes(vector, "shareKey"),
    field(vector, "shareId"),
    field(vector, "recordId"),
    { keyId: field(vector, "keyId"), nonce: bytes(vector, "nonce"), ciphertext: bytes(vector, "ciphertext") },
  );
  expect(hexFromBytes(opened.bytes)).toBe(vector.dataKey);
});

it.each(keyWraps)("a data key wrapped for the device $agreementKey can be unwrapped", async (vector) => {
  const der = bytesFromHex(`302e020100300506032b656e04220420${vector.agreementPrivateKey}`);
  const agreement = await crypto.subtle.importKey("pkcs8", der, "X25519", false, ["deriveBits"]);
  const wrap = {
    keyId: field(vector, "keyId"),
    ephemeralKey: bytes(vector, "ephemeralKey"),
    nonce: bytes(vector, "nonce"),
    ciphertext: bytes(vector, "ciphertext"),
  };
  const device = { agreement, agreementKey: bytes(vector, "agreementKey") };
  const opened = await unwrapDataKey(wrap, field(vector, "userId"), device);
  expect(hexFromBytes(opened.bytes)).toBe(vector.dataKey);
});

it.each(shareTokens)("the token $token has its hash, over its characters", async ({ token = "", hash }) => {
  expect(hexFromBytes(await hashShareToken(token))).toBe(hash);
  expect(createHash("sha256").update(token).digest("hex")).toBe(hash);
});
