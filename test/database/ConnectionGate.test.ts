import { describe, expect, it } from "@jest/globals";

import { ConnectionGate, type Refusal } from "../../src/database/ConnectionGate.ts";

const NEVER = new AbortController().signal;
const PATIENT = 60_000;

function makeGate(limits: Partial<{ places: number; patience: number; maximumWaiting: number }> = {}) {
  const refusals: Refusal[] = [];
  const gate = new ConnectionGate(
    { places: 1, patience: PATIENT, maximumWaiting: 100, ...limits },
    (refusal) => refusals.push(refusal),
  );
  return { gate, refusals };
}

describe("the gate before the connections", () => {
  it("lets in as many as there are places, and the next one when somebody leaves", async () => {
    const { gate } = makeGate({ places: 2 });
    const [leave] = await Promise.all([gate.enter("a", NEVER), gate.enter("a", NEVER)]);
    const third = gate.enter("a", NEVER);
    expect([gate.inside, gate.waiting]).toEqual([2, 1]);
    leave();
    await third;
    expect([gate.inside, gate.waiting]).toEqual([2, 0]);
  });

  it("gives a place back once, however often it is left", async () => {
    const { gate } = makeGate();
    const leave = await gate.enter("a", NEVER);
    leave();
    leave();
    expect(gate.inside).toBe(0);
  });

  it("serves the lines in turn: a flood in one does not stand before the only one of another", async () => {
    const { gate } = makeGate();
    const order: string[] = [];
    const pass = async (line: string) => {
      const leave = await gate.enter(line, NEVER);
      order.push(line);
      await Promise.resolve();
      leave();
    };
    const flood = ["a", "a", "a", "a"].map(pass);
    await Promise.all([...flood, pass("b"), pass("c")]);
    expect(order).toEqual(["a", "a", "b", "c", "a", "a"]);
  });

  it("refuses at once when too many wait", async () => {
    const { gate, refusals } = makeGate({ maximumWaiting: 1 });
    const leave = await gate.enter("a", NEVER);
    const waiting = gate.enter("a", NEVER);
    await expect(gate.enter("b", NEVER)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(refusals).toEqual(["crowded"]);
    leave();
    (await waiting)();
  });

  it("lets the patient wait however many they are and however long it takes, and takes no place from others", async () => {
    const { gate, refusals } = makeGate({ maximumWaiting: 1, patience: 20 });
    const leave = await gate.enter("a", NEVER);
    const patient = [1, 2, 3].map(() => gate.enter("news", NEVER, { isPatient: true }));
    const other = gate.enter("a", NEVER);
    expect(gate.waiting).toBe(4);
    await expect(gate.enter("a", NEVER)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(other).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(refusals).toEqual(["crowded", "waited"]);
    leave();
    for (const waiting of patient) {
      (await waiting)();
    }
    expect([gate.inside, gate.waiting]).toEqual([0, 0]);
  });

  it("lets nobody wait who has gone, patient or not", async () => {
    const { gate, refusals } = makeGate();
    const leave = await gate.enter("a", NEVER);
    const departure = new AbortController();
    const waiting = gate.enter("news", departure.signal, { isPatient: true });
    departure.abort();
    await expect(waiting).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(refusals).toEqual(["gone"]);
    expect(gate.waiting).toBe(0);
    leave();
  });

  it("refuses who has waited too long, and does not count them any more", async () => {
    const { gate, refusals } = makeGate({ patience: 5 });
    const leave = await gate.enter("a", NEVER);
    await expect(gate.enter("b", NEVER)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect([gate.waiting, refusals]).toEqual([0, ["waited"]]);
    leave();
    expect(gate.inside).toBe(0);
  });

  it("lets nobody in who has gone away, before or while waiting", async () => {
    const { gate, refusals } = makeGate();
    const leave = await gate.enter("a", NEVER);
    const departure = new AbortController();
    const waiting = gate.enter("b", departure.signal);
    departure.abort();
    await expect(waiting).rejects.toMatchObject({ code: "UNAVAILABLE" });
    leave();
    await expect(gate.enter("b", departure.signal)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect([gate.inside, gate.waiting, refusals]).toEqual([0, 0, ["gone", "gone"]]);
  });
});
