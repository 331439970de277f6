import { createHmac, randomBytes } from "node:crypto";

import { makeKeyedHash } from "./keyedHash.ts";

/** Where a request comes from, in a form that tells nobody the address. */
export interface Client {
  /** Of the address alone: what is counted when passwords are tried. */
  addressHash: string;
  /** Of address and program: what a session is recognised by. */
  hash: string;
}

/** `address`: as `makeClientAddress` gives it; empty where it is not known. */
export type HashClient = (address: string, userAgent: string | undefined) => Client | null;

/**
 * Hashes addresses with a key that every process of an installation derives from the same secret; without one, counts
 * and records of different processes do not meet. A plain hash of an IPv4 address would be undone in seconds.
 */
export function makeHashClient(secret: string | null): HashClient {
  const key = createHmac("sha256", secret ?? randomBytes(32))
    .update("bailiwick client hash")
    .digest();
  const hash = makeKeyedHash(key);
  return (address, userAgent) => {
    if (address === "") {
      return null;
    }
    return { addressHash: hash(address), hash: hash(`${address}\n${userAgent ?? ""}`) };
  };
}
