import type { IncomingMessage } from "node:http";
import { isIPv6 } from "node:net";

import proxyAddress from "proxy-addr";

export type ClientAddress = (request: IncomingMessage) => string;

/** Groups of an IPv6 address that name a network: whoever has one has all of its addresses. */
const NETWORK_GROUPS = 4;

/**
 * Builds the function that says where a request comes from. `X-Forwarded-For` is believed as far as it was written by one
 * of the trusted proxies (addresses or networks, or `loopback`), counted from the nearest; from anybody else it is noise.
 */
export function makeClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const trust = proxyAddress.compile([...trustedProxies]);
  return (request) => {
    const address = proxyAddress(request, trust) ?? "";
    return isIPv6(address) ? networkOf(address) : address;
  };
}

function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) {
    return mapped;
  }
  const [plain = ""] = address.split("%");
  const [head = "", tail = ""] = plain.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === "" ? [] : tail.split(":");
  const zeros = plain.includes("::") ? Array<string>(8 - before.length - after.length).fill("0") : [];
  const groups = [...before, ...zeros, ...after].slice(0, NETWORK_GROUPS);
  // One spelling: `0db8` and `DB8` are the same group.
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":");
}
