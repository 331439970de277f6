import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";

import { anchorFileOf, readAnchors } from "../../../src/audit/anchors.ts";
import {
  createSigningKey,
  readPublicKeys,
  readSigningKey,
  trustedKeys,
} from "../../../src/audit/signingKeys.ts";
import { sealAll } from "../../../src/audit/startSealer.ts";
import { verifyAudit } from "../../../src/audit/verifyAudit.ts";
import { writeInterrupted } from "../../audit/writers/interruptedWriters.ts";
import type { Bench, Figure } from "./bench.ts";

/** Of each of eight writers, of ten rows: seven in ten are committed, so that there are more than 100,000 events. */
const STATEMENTS = 1850;

/** The trail is complete, and its seals hold, whatever happens to those who write. */
export async function auditTrail({ superuser, urls }: Bench): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-trail-"));
  const pool = new pg.Pool({ connectionString: urls.sealer, max: 1 });
  try {
    const keyFolder = join(folder, "keys");
    createSigningKey(keyFolder);
    const key = readSigningKey(keyFolder);
    if (!key) {
      throw new Error("There is no key.");
    }
    const anchorFile = anchorFileOf(
      { keyFolder, anchorFolder: folder, exportFolder: folder, sealInterval: 1000 },
      urls.sealer,
    );
    const { told, rows, events, missing, extra } = await writeInterrupted(
      superuser,
      urls.superuser,
      STATEMENTS,
    );
    await sealAll(pool, key, anchorFile);
    const client = await pool.connect();
    const report = await verifyAudit(client, {
      keys: trustedKeys(readPublicKeys(keyFolder)),
      anchors: readAnchors(anchorFile),
    }).finally(() => client.release());
    const count = (number: number) => number.toLocaleString("en");
    return [
      {
        number: "D",
        fault: `${count(events)} audited rows, with rollbacks, failures, a deadlock, ended connections and a SIGKILL`,
        promise: "as many events as committed rows: 0 missing, 0 extra; the seals verify",
        measured: `${count(rows)} rows, ${count(events)} events, ${missing} missing, ${extra} extra; ${report.problem?.message ?? "verified"}`,
        holds: events === rows && missing + extra === 0 && rows >= told && report.problem === null,
      },
    ];
  } finally {
    await pool.end();
    rmSync(folder, { recursive: true, force: true });
  }
}
