import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createOrganization } from "../../src/access/world/people.ts";
import { sha256 } from "../../src/audit/canonicalEvent.ts";
import { leafHash } from "../../src/audit/merkleTree.ts";
import { readOldMonths } from "../../src/audit/retainEvents.ts";
import { useTestDatabase } from "../support/database.ts";
import { useEvidence } from "./evidence.ts";
import { useRetention } from "./useRetention.ts";

const db = useTestDatabase();
const evidence = useEvidence(db);
const { exportFolder, happened, makeMonths, retain, verify, countOf } = useRetention(db, evidence);
const SIX_YEARS = 6;
let acme = "";
let other = "";

beforeAll(async () => {
  acme = await createOrganization(db.superuser, "Acme");
  other = await createOrganization(db.superuser, "Other");
  await makeMonths("2010-01-01", 4);
});

describe("a month of events", () => {
  it("stays while the organization that keeps events for longest has to keep it", async () => {
    await happened(acme, "2010-01-05", "2010-01-06", "2010-02-07");
    await happened(other, "2010-01-08");
    await happened(null, "2010-01-09");
    await evidence.sealEverything();
    await db.superuser.query(
      "insert into app_audit.retention_policies (organization_id, jurisdiction, keep_years) values ($1, 'XX', 90)",
      [other],
    );
    const client = await evidence.pool.connect();
    const months = await readOldMonths(client).finally(() => client.release());
    const ends = months.map(({ keepUntil, until }) => keepUntil.getUTCFullYear() - until.getUTCFullYear());
    expect(ends).toEqual([90, SIX_YEARS, SIX_YEARS, SIX_YEARS]);
    const removed = await retain();
    expect(removed.map(({ coversFrom }) => new Date(Number(coversFrom) / 1000).toISOString())).toEqual([
      "2010-02-01T00:00:00.000Z",
      "2010-03-01T00:00:00.000Z",
      "2010-04-01T00:00:00.000Z",
    ]);
    expect([await countOf("2010-01"), await countOf("2010-02")]).toEqual([4, 0]);
    expect(await verify()).toMatchObject({ problem: null, tombstones: 3 });
  });

  it("stays under a legal hold until it is released, and while the anchors are missing", async () => {
    await db.superuser.query("delete from app_audit.retention_policies");
    const { rows } = await db.superuser.query<{ id: string }>(
      "insert into app_audit.legal_holds (organization_id, reason) values ($1, 'Court order') returning id",
      [acme],
    );
    expect(await retain()).toEqual([]);
    await db.superuser.query("update app_audit.legal_holds set released_at = now() where id = $1", [
      rows[0]?.id,
    ]);
    // Nor does it go while nothing from outside says what was sealed.
    renameSync(evidence.anchorFile, `${evidence.anchorFile}.gone`);
    await expect(retain()).rejects.toThrow("nothing is removed from it: There is no anchor");
    renameSync(`${evidence.anchorFile}.gone`, evidence.anchorFile);
    expect(await retain()).toHaveLength(1);
    expect(await countOf("2010-01")).toBe(0);
    await evidence.sealEverything();
    expect(await verify()).toMatchObject({ problem: null, tombstones: 4, unsealed: { count: 0 } });
  });

  it("is in a file whose lines hash to the leaves of the seals", async () => {
    const { rows } = await db.superuser.query<{ name: string; hash: string }>(
      "select file_name as name, encode(file_hash, 'hex') as hash from app_audit.tombstones order by sequence desc limit 1",
    );
    const bytes = readFileSync(join(exportFolder, rows[0]?.name ?? ""));
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(rows[0]?.hash);
    const lines = gunzipSync(bytes).toString().trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    for (const line of lines) {
      const { checkpoint, organizationId, position, event } = JSON.parse(line);
      const { rows: seals } = await db.superuser.query<{ leaves: Buffer }>(
        `select leaf_hashes as leaves from app_audit.seals
         where checkpoint_sequence = $1 and organization_id is not distinct from $2`,
        [checkpoint, organizationId],
      );
      const leaf = seals[0]?.leaves.subarray(32 * position, 32 * (position + 1));
      expect(leafHash(sha256(event)).equals(leaf ?? Buffer.of())).toBe(true);
    }
    expect(readdirSync(exportFolder).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  it("does not go when an event of it is not as it was sealed, nor while one is not sealed", async () => {
    await makeMonths("2011-05-01", 1);
    const [id] = await happened(acme, "2011-05-05");
    await evidence.sealEverything();
    await evidence.tamper(`update app_audit.events set command = 'DELETE' where id = '${id}'`);
    await expect(retain()).rejects.toThrow(/not as it was sealed, and nothing is removed/);
    await evidence.tamper(`update app_audit.events set command = 'UPDATE' where id = '${id}'`);
    const open = await db.superuser.connect();
    await open.query("begin; select pg_current_xact_id()");
    await happened(acme, "2011-05-06");
    await expect(retain()).rejects.toThrow(/1 events of the month are not sealed yet/);
    await open.query("rollback");
    open.release();
    expect(await countOf("2011-05")).toBe(2);
    await evidence.sealEverything();
    expect(await retain()).toHaveLength(1);
  });
});

describe("the database by itself", () => {
  const removeMonth = async (month: string, sql = "") =>
    db.inTransaction(async (client) => {
      await client.query("set local role app_sealer");
      await client.query(sql);
      await client.query("select app_audit.remove_month($1)", [`${month}-01T00:00:00Z`]);
    });
  const tombstone = (from: string, until: string, count: number) =>
    `insert into app_audit.tombstones
     values (99, '${from}Z', '${until}Z', ${count}, '{}', '[]', 'x', sha256('x'), now(), sha256('x'), 'x', decode(repeat('00', 64), 'hex'))`;

  it("removes no month without a tombstone that counts its events, and no young one with it", async () => {
    await makeMonths("2012-06-01", 1);
    await happened(acme, "2012-06-05");
    const may = (count: number) => tombstone("2012-06-01T00:00:00", "2012-07-01T00:00:00", count);
    await expect(removeMonth("2012-06")).rejects.toMatchObject({ code: "DENYD" });
    await expect(removeMonth("2012-06", may(2))).rejects.toMatchObject({ code: "DENYD" });
    await removeMonth("2012-06", may(1));
    const month = new Date().toISOString().slice(0, 7);
    await expect(
      removeMonth(month, tombstone(`${month}-01T00:00:00`, "2100-01-01T00:00:00", 0)),
    ).rejects.toMatchObject({ code: "DENYD" });
  });

  it.each(["app_user", "app_worker", "app_definer"])("refuses %s", (role) =>
    db.inTransaction(async (client) => {
      await client.query(`set local role ${role}`);
      await expect(client.query("select app_audit.remove_month('2012-06-01Z')")).rejects.toMatchObject({
        code: "42501",
      });
    }),
  );
});
