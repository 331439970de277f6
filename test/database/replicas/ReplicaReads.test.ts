import { beforeEach, describe, expect, it } from "@jest/globals";

import type { Statement } from "../../../src/database/pipelined/BatchQuery.ts";
import { PrimaryPosition } from "../../../src/database/replicas/PrimaryPosition.ts";
import { Replica } from "../../../src/database/replicas/Replica.ts";
import { type FallbackReason, ReplicaReads } from "../../../src/database/replicas/ReplicaReads.ts";
import {
  makeRequestContext,
  type OperationKind,
  runInRequestContext,
} from "../../../src/http/requestContext.ts";

const ANSWER = { rows: [{ from: "replica" }], rowCount: 1 };
const STATEMENT: Statement = { text: "select", name: "one" };
const LONG = 60_000;
let replayed: bigint | null;
let written: bigint;
let asked: number;
let failure: Error | null;
let hang: boolean;
let reasons: FallbackReason[];

beforeEach(() => {
  [replayed, written, asked, failure, hang, reasons] = [5n, 5n, 0, null, false, []];
});

async function makeReads(staleness: number): Promise<{ reads: ReplicaReads; replica: Replica }> {
  const primary = new PrimaryPosition(async () => {
    asked++;
    return written;
  });
  const replica = new Replica({
    readStatus: async () => ({ replayed }),
    runStatement: async () => {
      if (hang) {
        await new Promise(() => undefined);
      }
      if (failure) {
        throw failure;
      }
      return ANSWER;
    },
    patience: 20,
  });
  const now = performance.now();
  await replica.compare(await primary.after(now), now);
  const reads = new ReplicaReads({
    replicas: [replica],
    primary,
    staleness,
    onRead: () => undefined,
    onFallback: (reason) => void reasons.push(reason),
  });
  return { reads, replica };
}

interface Asking {
  kind?: OperationKind;
  userId?: string;
  position?: bigint;
  statement?: Statement;
}
const ask = (
  reads: ReplicaReads,
  { kind = "query", userId, position, statement = STATEMENT }: Asking = {},
) => {
  const context = makeRequestContext("a-request");
  context.operation = { name: null, kind };
  context.userId = userId ?? null;
  context.databasePosition = position ?? null;
  return runInRequestContext(context, () => reads.tryRun({}, statement));
};
const failWith = (code: string) => {
  failure = Object.assign(new Error("no"), { code });
};

describe("what a replica is asked", () => {
  it("is the named statement of a query, and nothing of mutations and subscriptions", async () => {
    const { reads } = await makeReads(0);
    expect(await ask(reads)).toBe(ANSWER);
    expect(await ask(reads, { kind: "mutation" })).toBeNull();
    expect(await ask(reads, { kind: "subscription" })).toBeNull();
    expect(await ask(reads, { statement: { text: "select" } })).toBeNull();
    expect(await reads.tryRun({}, STATEMENT)).toBeNull();
  });

  it("is nothing that it would answer without what was committed before", async () => {
    const { reads, replica } = await makeReads(0);
    written = 6n;
    expect(await ask(reads)).toBeNull();
    expect([replica.state, reasons]).toEqual(["behind", ["behind"]]);
    replayed = 6n;
    await replica.compare(6n, performance.now());
    expect(await ask(reads)).toBe(ANSWER);
  });

  it("shares one question to the primary among those who come together", async () => {
    const { reads } = await makeReads(0);
    const before = asked;
    await Promise.all(Array.from({ length: 50 }, () => ask(reads)));
    expect(asked - before).toBeLessThanOrEqual(2);
  });
});

describe("where answers may be out of date", () => {
  it("does not ask the primary for each, and answers without the newest of others", async () => {
    const { reads } = await makeReads(LONG);
    const before = asked;
    written = 6n;
    expect(await ask(reads, { userId: "ann" })).toBe(ANSWER);
    expect(asked).toBe(before);
  });

  it("never misses what the same person has written", async () => {
    const { reads, replica } = await makeReads(LONG);
    written = 6n;
    expect(await reads.noteWrite("ann")).toBe(6n);
    expect(await ask(reads, { userId: "ann" })).toBeNull();
    replayed = 6n;
    await replica.compare(5n, performance.now());
    expect(await ask(reads, { userId: "ann" })).toBe(ANSWER);
  });

  it("never misses what the client was told of by another gateway, and waits for nothing that it made up", async () => {
    const { reads, replica } = await makeReads(LONG);
    written = 6n;
    expect(await ask(reads, { userId: "ann", position: 6n })).toBeNull();
    replayed = 6n;
    await replica.compare(5n, performance.now());
    expect(await ask(reads, { userId: "ann", position: 6n })).toBe(ANSWER);
    expect(await ask(reads, { userId: "ann", position: 7n })).toBeNull();
    expect([replica.state, reasons]).toEqual(["ready", ["behind", "unknown"]]);
  });

  it("never misses that rights have ended, and that somebody has signed in", async () => {
    for (const happens of ["forbidEarlier", "noteWrite"] as const) {
      const { reads } = await makeReads(LONG);
      written = 7n;
      await reads[happens](null);
      expect(await ask(reads, { userId: "bob" })).toBeNull();
    }
  });
});

describe("what a replica cannot do", () => {
  it.each([
    ["40001", "conflict"],
    ["40P01", "conflict"],
    ["57P01", "lost"],
    ["ECONNRESET", "lost"],
    ["25006", "writes"],
    ["26000", "plan"],
  ] as const)("is done by the primary after %s", async (code, reason) => {
    const { reads } = await makeReads(0);
    failWith(code);
    expect(await ask(reads)).toBeNull();
    expect(reasons).toEqual([reason]);
  });

  it("is not tried there again if it was to write", async () => {
    const { reads } = await makeReads(0);
    failWith("25006");
    await ask(reads);
    failure = null;
    expect(await ask(reads)).toBeNull();
    expect(await ask(reads, { statement: { text: "select", name: "another" } })).toBe(ANSWER);
  });

  it("is told as it is when it is the statement's own", async () => {
    const { reads } = await makeReads(0);
    failWith("22012");
    await expect(ask(reads)).rejects.toMatchObject({ code: "22012" });
  });
});

describe("a server that is no replica of this primary", () => {
  it("gets nothing", async () => {
    const { reads, replica } = await makeReads(0);
    replayed = null;
    await replica.compare(5n, performance.now());
    expect(replica.state).toBe("lost");
    expect(await ask(reads)).toBeNull();
  });
});

describe("a replica that is lost", () => {
  it("keeps nobody who waits for its answer", async () => {
    const { reads, replica } = await makeReads(0);
    hang = true;
    const stuck = ask(reads);
    while (replica.inFlight === 0) {
      await new Promise(setImmediate);
    }
    replica.lose();
    expect(await stuck).toBeNull();
    expect(reasons).toEqual(["lost"]);
  });
});
