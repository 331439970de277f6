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

  it("holds nothing of the address, and is none where there is none", () => {
    expect(address("192.0.2.1")).toMatch(/^[0-9a-f]{64}$/);
    expect(hash("", "curl")).toBeNull();
  });
});
