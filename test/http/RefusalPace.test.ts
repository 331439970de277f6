import { describe, expect, it } from "@jest/globals";

import { RefusalPace } from "../../src/http/RefusalPace.ts";

const STAYS = new AbortController().signal;
const many = (pace: RefusalPace, count: number, payer = "organization a") =>
  Array.from({ length: count }, () => pace.wait(payer, STAYS));

/** Whether a promise is settled without any time passing. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const later = Symbol();
  return (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, later))])) !== later;
}

describe("the pace of refusals", () => {
  it("refuses at once who rarely has to be refused", async () => {
    const pace = new RefusalPace();
    expect(await Promise.all(many(pace, 99))).not.toContain(false);
    expect(await isSettled(pace.wait("organization a", STAYS))).toBe(true);
  });

  it("lets a flood wait, and nobody else", async () => {
    const pace = new RefusalPace();
    const flood = many(pace, 400);
    expect(await isSettled(Promise.all(flood))).toBe(false);
    expect(await isSettled(pace.wait("organization b", STAYS))).toBe(true);
    pace.end();
    expect(await Promise.all(flood)).not.toContain(false);
  });

  it("cuts off who has too many waiting, without a wait", async () => {
    const pace = new RefusalPace();
    const flood = many(pace, 2000);
    expect(await isSettled(flood.at(-1) ?? Promise.reject())).toBe(true);
    pace.end();
    const outcomes = await Promise.all(flood);
    expect(outcomes.at(-1)).toBe(false);
    expect(outcomes.filter((isPaced) => isPaced).length).toBeLessThan(1000);
  });

  it("keeps nobody who has gone, and nobody when the process stops", async () => {
    const pace = new RefusalPace();
    const flood = many(pace, 400);
    const departure = new AbortController();
    const gone = pace.wait("organization a", departure.signal);
    expect(await isSettled(gone)).toBe(false);
    departure.abort();
    expect(await gone).toBe(true);
    pace.end();
    await Promise.all(flood);
    expect(await isSettled(pace.wait("organization a", STAYS))).toBe(true);
  });
});
