import type { IncomingMessage } from "node:http";

import { describe, expect, it } from "@jest/globals";

import { makeClientAddress } from "../../src/http/clientAddress.ts";

function request(remoteAddress: string, forwardedFor?: string): IncomingMessage {
  return {
    socket: { remoteAddress },
    headers: { "x-forwarded-for": forwardedFor },
  } as unknown as IncomingMessage;
}

describe("the address of a client", () => {
  it("is the connection's, whatever X-Forwarded-For says, if no proxy is trusted", () => {
    const addressOf = makeClientAddress([]);
    expect(addressOf(request("203.0.113.7", "198.51.100.1"))).toBe("203.0.113.7");
  });

  it("is what the nearest trusted proxies say, and nothing that came before them", () => {
    const addressOf = makeClientAddress(["10.0.0.0/8"]);
    expect(addressOf(request("10.0.0.1", "1.2.3.4, 198.51.100.1"))).toBe("198.51.100.1");
    expect(addressOf(request("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.9.9.9"))).toBe("198.51.100.1");
    expect(addressOf(request("203.0.113.7", "198.51.100.1"))).toBe("203.0.113.7");
  });

  it("is the network of an IPv6 address, and the IPv4 address in a mapped one", () => {
    const addressOf = makeClientAddress([]);
    expect(addressOf(request("2001:db8:1:2:3:4:5:6"))).toBe("2001:db8:1:2");
    expect(addressOf(request("2001:db8::1"))).toBe("2001:db8:0:0");
    expect(addressOf(request("2001:DB8:1:2:ffff::9"))).toBe(addressOf(request("2001:0db8:1:2::1")));
    expect(addressOf(request("2001:db8:1:3::1"))).not.toBe(addressOf(request("2001:db8:1:2::1")));
    expect(addressOf(request("::1"))).toBe(addressOf(request("0:0:0:0:0:0:0:1")));
    expect(addressOf(request("fe80::1%eth0"))).toBe("fe80:0:0:0");
    expect(addressOf(request("::ffff:203.0.113.7"))).toBe("203.0.113.7");
  });
});
