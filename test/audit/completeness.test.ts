import { describe, expect, it } from "@jest/globals";

import type { AuditProblem } from "../../src/audit/verifyAudit.ts";
import { useTestDatabase } from "../support/database.ts";
import { useEvidence } from "./evidence.ts";
import { writeInterrupted } from "./writers/interruptedWriters.ts";

const db = useTestDatabase();
const evidence = useEvidence(db);
/** Of each writer; `npm run test:faults -- --only auditTrail` does a hundred thousand events. */
const STATEMENTS = 100;

describe("while writers commit, roll back, deadlock and are killed", () => {
  it("each committed row has its event, no other has one, and nothing sealed meanwhile looks tampered with", async () => {
    let isWriting = true;
    const sealing = (async () => {
      const problems: (AuditProblem | null)[] = [];
      while (isWriting) {
        await evidence.seal();
        problems.push((await evidence.verify()).problem);
      }
      return problems.filter((problem) => problem !== null);
    })();
    const { told, rows, events, missing, extra } = await writeInterrupted(
      db.superuser,
      db.urls.superuser,
      STATEMENTS,
    ).finally(() => (isWriting = false));
    expect(await sealing).toEqual([]);

    expect({ events, missing, extra }).toEqual({ events: rows, missing: 0, extra: 0 });
    expect(rows).toBeGreaterThan(5000);
    // Of the killed process' last transaction nobody was told.
    expect(rows - told).toBeGreaterThanOrEqual(0);
    expect(rows - told).toBeLessThanOrEqual(20);

    await evidence.sealEverything();
    expect(await evidence.verify()).toMatchObject({ problem: null, unsealed: { count: 0 } });
  }, 120_000);
});
