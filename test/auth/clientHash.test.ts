import { describe, expect, it } from "@jest/globals";

import { makeHashClient } from "../../src/auth/clientHash.ts";

const hash = makeHashClient("a secret of an installation");
const address = (text: string) => hash(text, "curl")?.addressHash;

describe("the hash of a client", () => {
  it("is the same in every process of an installation, and another in another one", () => {
    expect(makeHashClient("a secret of an installation")("192.0.2.1", "curl")).toEqual(
      hash("192.0.2.1", "curl"),
    );
    expect(makeHashClient("another secret")("192.0.2.1", "curl")).not.toEqual(hash("192.0.2.1", "curl"));
    expect(makeHashClient(null)("192.0.2.1", "curl")).not.toEqual(makeHashClient(null)("192.0.2.1", "curl"));
  });

  it("tells programs apart, but counts their attempts together", () => {
    const [one, other] = [hash("192.0.2.1", "curl"), hash("192.0.2.1", "Firefox")];
    expect(one?.hash).not.toBe(other?.hash);
    expect(one?.addressHash).toBe(other?.addressHash);
  });

  it("takes the addresses of one IPv6 network for one, and IPv4 in any spelling", () => {
    expect(address("2001:db8:1:2::1")).toBe(address("2001:DB8:1:2:ffff::9"));
    expect(address("2001:db8:1:2::1")).not.toBe(address("2001:db8:1:3::1"));
    expect(address("::1")).toBe(address("0:0:0:0:0:0:0:1"));
    expect(address("::ffff:192.0.2.1")).toBe(address("192.0.2.1"));
  });

  it("holds nothing of the address, and is none where there is none", () => {
    expect(address("192.0.2.1")).toMatch(/^[0-9a-f]{64}$/);
    expect(hash(undefined, "curl")).toBeNull();
  });
});
