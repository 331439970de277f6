import { createHash, createPublicKey, verify } from "node:crypto";

const KEY_BYTES = 32;

/** Whether an Ed25519 key has signed a message; bytes that are no key have signed nothing. */
function isSignedBy(signingKey: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean {
  if (signingKey.length !== KEY_BYTES) {
    return false;
  }
  try {
    const x = Buffer.from(signingKey).toString("base64url");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
}

/**
 * States which keys have signed a message, for SQL to compare with the message that it builds itself: "sha-256:key,key".
 * A signature that does not verify is left out; SQL says what is missing.
 */
export function verifiedSignatures(
  message: Uint8Array,
  signatures: readonly { signingKey: Uint8Array; signature: Uint8Array }[],
): string {
  const signers = signatures.filter(({ signingKey, signature }) =>
    isSignedBy(signingKey, signature, message),
  );
  const digest = createHash("sha256").update(message).digest("hex");
  return `${digest}:${signers.map(({ signingKey }) => Buffer.from(signingKey).toString("hex")).join(",")}`;
}
