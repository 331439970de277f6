import { beforeEach, describe, expect, it, jest } from "@jest/globals";

import { SocketPlaces } from "../../src/http/SocketPlaces.ts";

describe("places of websockets", () => {
  const refusals = jest.fn();
  let places: SocketPlaces;

  beforeEach(() => {
    refusals.mockClear();
    places = new SocketPlaces({ total: 3, perAddress: 2 }, refusals);
  });

  it("are given to an address up to its limit, and another one has its own", () => {
    places.take("a");
    places.take("a");
    expect(() => places.take("a")).toThrow(expect.objectContaining({ code: "TOO_MANY_REQUESTS" }));
    expect(refusals).toHaveBeenCalledTimes(1);
    places.take("b");
    // Three are all there are: "b" has the last.
    expect(() => places.take("b")).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
  });

  it("are denied to everybody when all are taken", () => {
    for (const address of ["a", "a", "b"]) {
      places.take(address);
    }
    expect(() => places.take("c")).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
    expect(refusals).toHaveBeenCalledTimes(1);
  });

  it("go to the next when one is given back, once however often it is said", () => {
    const leave = places.take("a");
    places.take("a");
    leave();
    leave();
    places.take("a");
    expect(refusals).not.toHaveBeenCalled();
    expect(() => places.take("a")).toThrow(expect.objectContaining({ code: "TOO_MANY_REQUESTS" }));
  });
});
