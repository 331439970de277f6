import { randomBytes, randomUUID } from "node:crypto";

import { describe, expect, it } from "@jest/globals";

import { makeCredentialBox, parseIntegrationKeys } from "../../src/integrations/credentials.ts";

const SECRET = "ya29.a-token-ü";
const integrationId = randomUUID();

describe("a credential box", () => {
  const box = makeCredentialBox([randomBytes(32)]);

  it("opens what it sealed", () => {
    expect(box.open(integrationId, box.seal(integrationId, SECRET))).toBe(SECRET);
    expect(box.open(integrationId.toUpperCase(), box.seal(integrationId, SECRET))).toBe(SECRET);
  });

  it("seals one secret differently each time, and shows nothing of it", () => {
    const [first, second] = [box.seal(integrationId, SECRET), box.seal(integrationId, SECRET)];
    expect(first.nonce.equals(second.nonce)).toBe(false);
    expect(first.ciphertext.equals(second.ciphertext)).toBe(false);
    expect(first.ciphertext.includes(SECRET)).toBe(false);
    expect(first).toMatchObject({ keyId: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(first.nonce).toHaveLength(12);
  });

  it("does not open what was sealed for another integration", () => {
    const sealed = box.seal(integrationId, SECRET);
    expect(() => box.open(randomUUID(), sealed)).toThrow(/is not what was sealed for it/);
  });

  it.each(["nonce", "ciphertext"] as const)("does not open a %s with one bit changed", (part) => {
    const sealed = box.seal(integrationId, SECRET);
    for (const position of [0, sealed[part].length - 1]) {
      const changed = Buffer.from(sealed[part]);
      changed[position] = (changed[position] ?? 0) ^ 1;
      expect(() => box.open(integrationId, { ...sealed, [part]: changed })).toThrow(/is not what was sealed/);
    }
  });

  it("refuses an empty secret and one of more than 16 kB, without repeating it", () => {
    expect(() => box.seal(integrationId, "")).toThrow("A credential has from 1 to 16384 bytes; got 0");
    expect(() => box.seal(integrationId, "s".repeat(16_385))).toThrow(/^A credential has.{0,60}$/);
  });

  it("seals with the first key and opens with the others", () => {
    const [old, current] = [randomBytes(32), randomBytes(32)];
    const sealed = makeCredentialBox([old]).seal(integrationId, SECRET);
    const rotated = makeCredentialBox([current, old]);
    expect(rotated.open(integrationId, sealed)).toBe(SECRET);
    expect(rotated.seal(integrationId, SECRET).keyId).not.toBe(sealed.keyId);
    expect(() => makeCredentialBox([current]).open(integrationId, sealed)).toThrow(
      new RegExp(`sealed with key '${sealed.keyId}'`),
    );
  });
});

describe("INTEGRATION_KEY", () => {
  it("is one key, or several with commas between them", () => {
    const keys = [randomBytes(32), randomBytes(32)];
    expect(parseIntegrationKeys(keys.map((key) => key.toString("base64")).join(", "))).toEqual(keys);
  });

  it.each(["", "short", randomBytes(16).toString("base64"), "x".repeat(44)])(
    "is refused when a key is not 32 bytes in base64, and not repeated",
    (text) => {
      const refusal = () => parseIntegrationKeys(text);
      expect(refusal).toThrow(/Key 1 must be 32 bytes in base64/);
      expect(text === "" || !String(catchError(refusal)).includes(text)).toBe(true);
    },
  );
});

function catchError(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
