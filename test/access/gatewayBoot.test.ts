import { setTimeout as sleep } from "node:timers/promises";

import { expect, it } from "@jest/globals";
import { pino } from "pino";

import { startGateway } from "../../src/gateway.ts";
import { useTestDatabase } from "../support/database.ts";

/** Milliseconds; what is usual for a load balancer is ten times that. */
const PROBE_INTERVAL = 1100;
/** Milliseconds; building the API takes its time on a machine that is busy with other tests. */
const START_TIMEOUT = 60_000;
const OPEN = "alter table app_public.patients disable row level security";
const CLOSE = "alter table app_public.patients enable row level security";

const db = useTestDatabase();
const start = () => startGateway(db.config, { url: db.urls.gateway, logger: pino({ level: "silent" }) });

it(
  "takes itself out of service within one probe interval when rows are open, and comes back",
  async () => {
    const gateway = await start();
    const statusAfter = async (statement: string) => {
      await db.superuser.query(statement);
      await sleep(PROBE_INTERVAL);
      const response = await fetch(`${gateway.adminUrl}/ready`);
      const { checks } = (await response.json()) as { checks: Record<string, boolean> };
      return [response.status, checks.rowSecurity];
    };
    try {
      expect(await statusAfter("select 1")).toEqual([200, true]);
      expect(await statusAfter(OPEN)).toEqual([503, false]);
      expect(await statusAfter(CLOSE)).toEqual([200, true]);
    } finally {
      await gateway.close();
    }
  },
  START_TIMEOUT,
);

it(
  "refuses to start while rows are open, and says which",
  async () => {
    await db.superuser.query(OPEN);
    await expect(start()).rejects.toThrow(
      /does not protect its rows, so nothing is served:\n- 0001_row_security_enabled app_public\.patients: /,
    );
  },
  START_TIMEOUT,
);
