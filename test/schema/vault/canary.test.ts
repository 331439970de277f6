import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import {
  committed,
  INSERT_PREFS,
  INSERT_RECORD,
  newRecord,
  registerDevice,
  sealedValues,
  shareRecords,
  UPDATE_RECORD,
  wrapFor,
} from "../../../src/access/world/vaultRows.ts";
import { base64UrlFromBytes } from "../../../src/vault-client/index.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();

/** Not made up of words that a catalogue or a binary could hold; long enough for every encoding to show it. */
const SEALED_MARKER = "canary-sealed-7f3a9c51e2d84b60";
/** Written in clear, to show that the search would find one. */
const CLEAR_MARKER = "canary-clear-0b92e7d4485c4f1a";
const LOOKS = 5;
const isWal = (file: string) => file.includes("/pg_wal/");

/** The ways in which text or bytes could lie in a file: as they are, in hex, and in base64 from each of three offsets. */
function needlesOf(secret: Buffer): Buffer[] {
  const hex = secret.toString("hex");
  const base64 = [0, 1, 2].map((offset) => {
    const cut = secret.subarray((3 - offset) % 3);
    return cut.subarray(0, cut.length - (cut.length % 3)).toString("base64");
  });
  return [
    secret,
    Buffer.from(hex),
    Buffer.from(hex.toUpperCase()),
    ...base64.map((text) => Buffer.from(text)),
  ];
}

/** Other test files drop their databases meanwhile; what cannot be read for another reason is not searched, which fails. */
function unlessGone<T>(otherwise: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code !== "ENOENT") {
      throw error;
    }
    return otherwise;
  };
}

/** Folder by folder: a recursive readdir fails when one of them goes. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(unlessGone([]));
  const files = entries.map((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : entry.isFile() ? [path] : [];
  });
  return (await Promise.all(files)).flat();
}

/** The files of the server (tables, WAL, logs, statistics) that hold one of the needles. */
async function filesWith(needles: readonly Buffer[]): Promise<string[]> {
  await db.superuser.query("checkpoint");
  const found: string[] = [];
  for (const file of await filesIn(db.config.database.dataDir)) {
    const content = await readFile(file).catch(unlessGone(Buffer.alloc(0)));
    if (needles.some((needle) => content.includes(needle))) {
      found.push(file);
    }
  }
  return found;
}

describe("what the vault client seals", () => {
  let owner: Person;
  const secrets: Record<string, Buffer> = { content: Buffer.from(SEALED_MARKER) };

  beforeAll(async () => {
    owner = await createPerson(db.superuser);
    await committed(db, owner, async (request) => {
      const record = newRecord(owner);
      const text = `day 1: ${SEALED_MARKER}`;
      await request.rows(INSERT_RECORD, [record.rowId, ...(await sealedValues(record, text))]);
      await request.rows(UPDATE_RECORD, [record.rowId, 1, ...(await sealedValues(record, text, 2))]);
      await expect(
        request.attempt(UPDATE_RECORD, [record.rowId, 1, ...(await sealedValues(record, text, 2))]),
      ).rejects.toMatchObject({ code: "CNFLT" });
      await expect(
        request.attempt(INSERT_RECORD, [record.rowId, ...(await sealedValues(record, text, 9))]),
      ).rejects.toMatchObject({ code: "23514" });
      const prefs = { ...newRecord(owner), table: "app_vault.encrypted_user_prefs" as const };
      await request.rows(INSERT_PREFS, [prefs.rowId, ...(await sealedValues(prefs, text))]);

      const wrapped = await wrapFor(request, owner, await registerDevice(request, owner));
      const { token, key } = await shareRecords(request, [record], { maxUses: 3 });
      await request.rows("select * from app_vault.redeem_share($1)", [token]);
      await request.rows("select app_vault.validate_share_token($1)", [token]);
      secrets["data key"] = Buffer.from(record.key.bytes);
      secrets["wrapped data key"] = Buffer.from(wrapped.bytes);
      secrets["key of a share"] = Buffer.from(key);
      secrets["key of a share, as in the link"] = Buffer.from(base64UrlFromBytes(key));
      secrets["token of a share"] = Buffer.from(token);
    });
  });

  /** The look's own checkpoint lets go of WAL from before, and so do those of other tests: it may come too late for one mark. */
  async function filesWithClear(): Promise<string[]> {
    const found: string[] = [];
    for (let look = 0; look < LOOKS && !found.some(isWal); look++) {
      await db.superuser.query("update app_public.profiles set display_name = $1 where user_id = $2", [
        `${CLEAR_MARKER} ${look}`,
        owner.userId,
      ]);
      found.push(...(await filesWith(needlesOf(Buffer.from(CLEAR_MARKER)))));
    }
    return found;
  }

  it("would be found if it lay in clear: the search finds another text in a table and in the WAL", async () => {
    const files = await filesWithClear();
    expect(files.filter((file) => file.includes("/base/"))).not.toEqual([]);
    expect(files.filter(isWal)).not.toEqual([]);
  }, 60_000);

  it.each([
    "content",
    "data key",
    "wrapped data key",
    "key of a share",
    "key of a share, as in the link",
    "token of a share",
  ])(
    "leaves its %s nowhere in the server's files",
    async (name) => {
      expect(await filesWith(needlesOf(secrets[name] as Buffer))).toEqual([]);
    },
    60_000,
  );

  it("leaves nothing of it in the audit, which names every change", async () => {
    const { rows } = await db.superuser.query(
      "select to_jsonb(e)::text as event from app_audit.events e where actor_id = $1",
      [owner.userId],
    );
    expect(rows.length).toBeGreaterThan(8);
    const audit = Buffer.from(rows.map(({ event }) => event).join("\n"));
    for (const secret of Object.values(secrets)) {
      expect(needlesOf(secret).some((needle) => audit.includes(needle))).toBe(false);
    }
  });
});
