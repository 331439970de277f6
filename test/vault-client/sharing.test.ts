import { describe, expect, it } from "@jest/globals";

import {
  generateDataKey,
  generateDeviceKey,
  generateShareKey,
  generateShareToken,
  hashShareToken,
  makeShareLink,
  parseShareLink,
  unwrapDataKey,
  unwrapFromShare,
  wrapDataKey,
  wrapForShare,
} from "../../src/vault-client/index.ts";

const USER = "0192a1b2-0000-7000-8000-000000000002";
const OTHER = "0192a1b2-0000-7000-8000-000000000003";
const SHARE = "0192a1b2-0000-7000-8000-000000000004";
const refused = (reason: string) => expect.objectContaining({ name: "VaultError", reason });

describe("a data key wrapped for a device", () => {
  it("can be unwrapped by that device", async () => {
    const [dataKey, device] = [generateDataKey(), await generateDeviceKey()];
    expect(await unwrapDataKey(await wrapDataKey(dataKey, USER, device), USER, device)).toEqual(dataKey);
  });

  it("cannot be unwrapped by another device, for another person, or as another key", async () => {
    const device = await generateDeviceKey();
    const wrap = await wrapDataKey(generateDataKey(), USER, device);
    await expect(unwrapDataKey(wrap, USER, await generateDeviceKey())).rejects.toEqual(
      refused("CANNOT_OPEN"),
    );
    await expect(unwrapDataKey(wrap, OTHER, device)).rejects.toEqual(refused("CANNOT_OPEN"));
    await expect(unwrapDataKey({ ...wrap, keyId: OTHER }, USER, device)).rejects.toEqual(
      refused("CANNOT_OPEN"),
    );
  });

  it("is not made for a public key of small order", async () => {
    const agreementKey = new Uint8Array(32);
    await expect(wrapDataKey(generateDataKey(), USER, { agreementKey })).rejects.toEqual(
      refused("CANNOT_OPEN"),
    );
  });

  it("keeps a device's private keys where scripts cannot export them", async () => {
    const { signing, agreement } = await generateDeviceKey();
    expect([signing.extractable, agreement.extractable]).toEqual([false, false]);
  });
});

describe("a data key wrapped for a share", () => {
  it("can be unwrapped with the share's key, and in no other share or record", async () => {
    const [dataKey, shareKey] = [generateDataKey(), generateShareKey()];
    const wrap = await wrapForShare(shareKey, SHARE, USER, dataKey);
    expect(await unwrapFromShare(shareKey, SHARE, USER, wrap)).toEqual(dataKey);
    await expect(unwrapFromShare(shareKey, OTHER, USER, wrap)).rejects.toEqual(refused("CANNOT_OPEN"));
    await expect(unwrapFromShare(shareKey, SHARE, OTHER, wrap)).rejects.toEqual(refused("CANNOT_OPEN"));
    await expect(unwrapFromShare(generateShareKey(), SHARE, USER, wrap)).rejects.toEqual(
      refused("CANNOT_OPEN"),
    );
  });
});

describe("a link to a share", () => {
  it("carries token and key in its fragment only, and can be read back", () => {
    const secrets = { token: generateShareToken(), key: generateShareKey() };
    const link = makeShareLink("https://clinic.example/shared?lang=fr", secrets);
    expect(parseShareLink(link)).toEqual(secrets);
    const url = new URL(link);
    url.hash = "";
    expect(url.href).toBe("https://clinic.example/shared?lang=fr");
  });

  it.each(["", "no link", "https://x.example/", "https://x.example/#abc", "https://x.example/#a.b.c"])(
    "cannot be read from '%s'",
    (link) => {
      expect(() => parseShareLink(link)).toThrow(refused("BAD_LINK"));
    },
  );

  it("cannot be read when it was cut", () => {
    const link = makeShareLink("https://x.example/", {
      token: generateShareToken(),
      key: generateShareKey(),
    });
    expect(() => parseShareLink(link.slice(0, -1))).toThrow(refused("BAD_LINK"));
  });

  it("has a token of 256 bits, of which the server gets the hash", async () => {
    const tokens = Array.from({ length: 100 }, generateShareToken);
    expect(new Set(tokens).size).toBe(100);
    expect(await hashShareToken(tokens[0] ?? "")).toHaveLength(32);
  });
});
