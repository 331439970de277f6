import { setTimeout as sleep } from "node:timers/promises";

import { afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { pino } from "pino";

import { listenForAccessChanges } from "../../src/auth/accessChanges.ts";
import { makeListeningPool } from "../../src/database/makeListeningPool.ts";
import { ReliableSubscriber } from "../../src/database/ReliableSubscriber.ts";
import { RateLimiter } from "../../src/limits/RateLimiter.ts";
import { shareUsage } from "../../src/limits/shareUsage.ts";
import { useTestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { FaultProxy } from "../support/FaultProxy.ts";

jest.setTimeout(60_000);

const db = useTestDatabase();
const log: string[] = [];
const logger = pino({}, { write: (line) => void log.push(line) });
const closing: (() => Promise<void>)[] = [];
let proxy: FaultProxy;
let url: string;

beforeAll(async () => {
  proxy = await FaultProxy.before(db.urls.gateway);
  url = proxy.through(db.urls.gateway);
});
db.beforeDrop(() => proxy.close());
beforeEach(() => {
  log.length = 0;
});
afterEach(async () => {
  proxy.heal();
  await Promise.all(closing.splice(0).map((close) => close()));
  // The server has heard nothing of the connections that were given up in the silence.
  proxy.cut();
});

const notify = (channel: string, payload: object) =>
  db.superuser.query("select pg_notify($1, $2)", [channel, JSON.stringify(payload)]);

async function untilListening(channel: string): Promise<void> {
  await eventually(async () => {
    const { rows } = await db.superuser.query(
      "select from pg_stat_activity where datname = $1 and query ilike 'listen %' and strpos(query, $2) > 0",
      [db.name, channel],
    );
    return rows.length > 0;
  });
}

/** The first piece of news, for a client who asks again as often as it is told to. */
async function askAgain(subscriber: ReliableSubscriber, topic: string): Promise<unknown> {
  for (;;) {
    try {
      return await subscriber.subscribe(topic).next();
    } catch {
      await sleep(20);
    }
  }
}

describe("a network that has fallen silent under a connection that listens", () => {
  it("ends every subscription with UNAVAILABLE, and new ones get their news", async () => {
    const subscriber = new ReliableSubscriber(url, logger);
    closing.push(() => subscriber.close());
    const open = ["one", "two"].map((topic) => subscriber.subscribe(topic));
    await untilListening("two");
    await notify("one", { news: 1 });
    expect(await open[0]?.next()).toEqual({ done: false, value: '{"news":1}' });
    const endings = open.map((news) => news.next().catch((error: { code?: unknown }) => error.code));
    proxy.set({ blackHole: "both" });
    expect(await Promise.all(endings)).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);

    proxy.heal();
    let heard: unknown;
    void askAgain(subscriber, "three").then((news) => (heard = news));
    // Again and again: a connection of the silence may be given up just after it began to listen.
    await eventually(async () => {
      await notify("three", { news: 2 });
      return heard !== undefined;
    });
    expect(heard).toEqual({ done: false, value: '{"news":2}' });
  });

  it("is a gap for whoever hears of rights that end, and ended rights are heard of again afterwards", async () => {
    const sessionId = "00000000-0000-4000-8000-000000000001";
    const told: unknown[] = [];
    const close = await listenForAccessChanges(url, logger, {
      onChange: (change) => told.push(change),
      onGap: () => told.push("gap"),
    });
    closing.push(close);
    const change = { sessionId, userId: null, ended: true };
    await notify("access_changed", change);
    await eventually(() => told.length === 1);
    proxy.set({ blackHole: "both" });
    await eventually(() => told.length === 2);
    expect(told).toEqual([change, "gap"]);

    proxy.heal();
    await eventually(() => told.length === 3);
    await notify("access_changed", change);
    await eventually(() => told.length === 4);
    expect(told).toEqual([change, "gap", "gap", change]);
  });

  it("does not stop limits from being counted together afterwards", async () => {
    const limiter = new RateLimiter({ user: 100, organization: 100, address: 100 });
    const sharing = shareUsage(limiter, makeListeningPool(url, "bailiwick-limits", logger), logger);
    closing.push(sharing.close);
    await untilListening("bailiwick_usage");
    const spent = async () =>
      100 - ((await limiter.charge([{ kind: "user", id: "ann" }], 0.001))?.remaining ?? 0);
    const spendElsewhere = () => notify("bailiwick_usage", { from: "another", usage: [["user:ann", 20]] });
    await spendElsewhere();
    await eventually(async () => (await spent()) >= 15);
    proxy.set({ blackHole: "both" });
    await eventually(() => log.some((line) => line.includes("A database connection was lost")));
    proxy.heal();
    await eventually(async () => {
      await spendElsewhere();
      return (await spent()) >= 60;
    });
  });
});
