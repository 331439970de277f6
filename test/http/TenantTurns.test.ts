import { beforeEach, describe, expect, it, jest } from "@jest/globals";

import { type EndTurn, TenantTurns } from "../../src/http/TenantTurns.ts";

const STAYS = new AbortController().signal;
const TOGETHER = 8;

/** What has become of a number of requests, by now. */
async function settled(requests: Promise<EndTurn | null>[]): Promise<(EndTurn | null)[]> {
  const pending = Symbol("pending");
  const states = await Promise.all(
    requests.map((each) => Promise.race([each, Promise.resolve().then(() => pending)])),
  );
  return states.filter((state): state is EndTurn | null => state !== pending);
}

describe("turns", () => {
  let turns: TenantTurns;
  const refusals = jest.fn();
  const ask = (tenant: string, count: number, signal = STAYS) =>
    Array.from({ length: count }, () => turns.take(tenant, signal));

  beforeEach(() => {
    refusals.mockClear();
    turns = new TenantTurns(40, refusals);
  });

  it("are given at once to a tenant who is alone, however many it asks for", async () => {
    expect(await settled(ask("a", 100))).toHaveLength(100);
  });

  it("are limited for a crowd beside which somebody else asks, who has none to wait for", async () => {
    expect(await settled(ask("b", 1))).toHaveLength(1);
    const crowd = ask("a", 20);
    expect(await settled(crowd)).toHaveLength(TOGETHER);
    expect(await settled(ask("b", 1))).toHaveLength(1);
  });

  it("go to the next of the same tenant when one ends, once however often it is said", async () => {
    ask("b", 1);
    const crowd = ask("a", 12);
    const [first] = await settled(crowd);
    first?.();
    first?.();
    expect(await settled(crowd)).toHaveLength(TOGETHER + 1);
  });

  it("are for nobody who has left meanwhile, and whoever is next has the place", async () => {
    ask("b", 1);
    const [first] = await settled(ask("a", TOGETHER));
    const departure = new AbortController();
    const [gone] = ask("a", 1, departure.signal);
    const next = ask("a", 1);
    departure.abort();
    expect(await gone).toBeNull();
    first?.();
    expect(await settled(next)).toHaveLength(1);
  });

  it("are for nobody who has left before asking: not one is taken", async () => {
    ask("b", 1);
    expect(await settled(ask("a", TOGETHER, AbortSignal.abort()))).toEqual(Array(TOGETHER).fill(null));
    expect(await settled(ask("a", 1))).not.toContain(null);
    expect(await settled(ask("a", TOGETHER))).toHaveLength(TOGETHER - 1);
  });

  it("end at once for whoever leaves in the moment of having one, and the next one has it", async () => {
    ask("b", 1);
    const [first] = await settled(ask("a", TOGETHER));
    const departure = new AbortController();
    const [gone] = ask("a", 1, departure.signal);
    const next = ask("a", 1);
    first?.();
    departure.abort();
    expect(await gone).toBeNull();
    expect(await settled(next)).toHaveLength(1);
  });

  it("are denied where half of what the process takes in is waiting, for this tenant alone", async () => {
    ask("b", 1);
    ask("a", TOGETHER + 20);
    await expect(turns.take("a", STAYS)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(refusals).toHaveBeenCalledTimes(1);
    expect(await settled(ask("b", TOGETHER - 1))).toHaveLength(TOGETHER - 1);
  });
});
