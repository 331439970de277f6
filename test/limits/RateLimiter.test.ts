import { afterEach, describe, expect, it } from "@jest/globals";
import { pino } from "pino";

import { makeListeningPool } from "../../src/database/makeListeningPool.ts";
import { type Payer, RateLimiter } from "../../src/limits/RateLimiter.ts";
import { shareUsage } from "../../src/limits/shareUsage.ts";
import { useTestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";

const SILENT = pino({ level: "silent" });
/** Milliseconds. */
const PATIENCE = 5_000;
const LIMITS = { user: 100, organization: 150, address: 10 };
const ann: Payer = { kind: "user", id: "ann" };
const bob: Payer = { kind: "user", id: "bob" };
const acme: Payer = { kind: "organization", id: "acme" };

describe("a share", () => {
  it("is that of the payer with the least left, and says when it is whole again", async () => {
    const limiter = new RateLimiter(LIMITS);
    expect(await limiter.charge([ann, acme], 60)).toEqual({
      limit: 100,
      remaining: 40,
      reset: 60,
      isExceeded: false,
    });
    expect(await limiter.charge([bob, acme], 60)).toMatchObject({ limit: 150, remaining: 30 });
  });

  it("that one person has used up costs the organization nothing", async () => {
    const limiter = new RateLimiter(LIMITS);
    for (let n = 0; n < 5; n += 1) {
      await limiter.charge([ann, acme], 60);
    }
    expect(await limiter.charge([ann, acme], 1)).toMatchObject({
      limit: 100,
      remaining: 0,
      isExceeded: true,
    });
    expect(await limiter.charge([acme], 1)).toMatchObject({ remaining: 89, isExceeded: false });
  });

  it("is without a bound where the limit is 0", async () => {
    expect(await new RateLimiter({ ...LIMITS, user: 0 }).charge([ann], 1_000_000)).toBeNull();
  });
});

describe("what is spent at one gateway", () => {
  const db = useTestDatabase();
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });

  function start(): RateLimiter {
    const limiter = new RateLimiter(LIMITS);
    const sharing = shareUsage(
      limiter,
      makeListeningPool(db.urls.gateway, "bailiwick-limits", SILENT),
      SILENT,
    );
    closing.push(sharing.close);
    return limiter;
  }

  async function untilListening(count: number): Promise<void> {
    await eventually(async () => {
      const { rows } = await db.superuser.query(
        "select from pg_stat_activity where datname = $1 and application_name = 'bailiwick-limits' and query ~ '^listen'",
        [db.name],
      );
      return rows.length === count;
    }, PATIENCE);
  }

  it("is spent at the others, and not twice at itself", async () => {
    const [here, there] = [start(), start()];
    await untilListening(2);
    await here.charge([ann, acme], 70);
    await eventually(async () => ((await there.charge([acme], 0.001))?.remaining ?? 150) < 100, PATIENCE);
    expect(await there.charge([ann], 40)).toMatchObject({ isExceeded: true });
    expect(await here.charge([ann], 30)).toMatchObject({ remaining: 0, isExceeded: false });
  });

  it("is not believed when somebody else announces nonsense", async () => {
    const limiter = start();
    await untilListening(1);
    for (const payload of ["", "{", "[]", '{"usage":7}', '{"usage":[["user:ann",-50],["x",5],[7,7]]}']) {
      await db.superuser.query(`select pg_notify('bailiwick_usage', $1)`, [payload]);
    }
    await db.superuser.query(`select pg_notify('bailiwick_usage', '{"from":"x","usage":[["user:ann",10]]}')`);
    await eventually(async () => ((await limiter.charge([ann], 0.001))?.remaining ?? 100) < 95, PATIENCE);
    expect((await limiter.charge([ann], 1))?.remaining).toBeGreaterThan(85);
  });
});
