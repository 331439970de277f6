import { createHmac, createSecretKey } from "node:crypto";

import { LRU } from "@graphile/lru";

const REMEMBERED = 5000;
/** Characters: what is longer is made up by somebody, and may be different each time. */
const LONGEST_REMEMBERED = 300;

/**
 * HMAC-SHA256 in lower-case hex. Few texts come again and again (addresses, programs, people), and making a hash takes
 * longer than all else that is done with it: the latest are remembered.
 */
export function makeKeyedHash(bytes: Uint8Array): (text: string) => string {
  const key = createSecretKey(bytes);
  const hashes = new LRU<string, string>({ maxLength: REMEMBERED });
  return (text) => {
    const known = hashes.get(text);
    if (known !== undefined) {
      return known;
    }
    const hash = createHmac("sha256", key).update(text).digest("hex");
    if (text.length <= LONGEST_REMEMBERED) {
      hashes.set(text, hash);
    }
    return hash;
  };
}
