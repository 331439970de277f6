import { createHmac, randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";

/** Where a request comes from, in a form that tells nobody the address. */
export interface Client {
  /** Of the address alone: what is counted when passwords are tried. */
  addressHash: string;
  /** Of address and program: what a session is recognised by. */
  hash: string;
}

export type HashClient = (address: string | undefined, userAgent: string | undefined) => Client | null;

const IPV4_IN_IPV6 = /^::ffff:(?=\d+\.)/i;

/**
 * Hashes addresses with a key that every process of an installation derives from the same secret; without one, counts
 * and records of different processes do not meet. A plain hash of an IPv4 address would be undone in seconds.
 */
export function makeHashClient(secret: string | null): HashClient {
  const key = createHmac("sha256", secret ?? randomBytes(32))
    .update("bailiwick client hash")
    .digest();
  const hash = (text: string) => createHmac("sha256", key).update(text).digest("hex");
  return (address, userAgent) => {
    if (address === undefined) {
      return null;
    }
    const network = networkOf(address);
    return { addressHash: hash(network), hash: hash(`${network}\n${userAgent ?? ""}`) };
  };
}

/** An IPv6 subscriber has 2^64 addresses, which count as one. */
function networkOf(address: string): string {
  const plain = address.replace(IPV4_IN_IPV6, "");
  if (!isIPv6(plain)) {
    return plain;
  }
  const [head = "", tail] = (plain.split("%")[0] ?? "").toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const last = tail ? tail.split(":") : [];
  const missing = tail === undefined ? 0 : 8 - groups.length - last.length;
  const all = [...groups, ...Array.from({ length: missing }, () => "0"), ...last];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
