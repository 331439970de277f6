import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";

import { importSynthea, type SyntheaOptions } from "../../src/import/synthea/importSynthea.ts";
import { useTestDatabase } from "../support/database.ts";
import { FaultProxy } from "../support/FaultProxy.ts";
import { commandEnvironment } from "./commandEnvironment.ts";
import { addVisit, sampleExport, writeExport } from "./syntheaExport.ts";

const db = useTestDatabase();
let proxy: FaultProxy;
/** A folder with something in it, so that no file can take its name. */
let occupied: string;

beforeAll(async () => {
  proxy = await FaultProxy.before(db.urls.data);
  occupied = join(mkdtempSync(join(tmpdir(), "bailiwick-")), "report.csv");
  mkdirSync(occupied);
  writeFileSync(join(occupied, "file"), "");
});
afterEach(() => proxy.heal());
db.beforeDrop(() => proxy.close());
afterAll(() => rmSync(join(occupied, ".."), { recursive: true }));

function makeExport(): string {
  const sample = sampleExport();
  addVisit(sample, { at: "2023-01-27T16:00:00Z" });
  return writeExport(sample);
}

const runImport = (url: string, options: Pick<SyntheaOptions, "folder" | "reportPath">) =>
  importSynthea(url, { timezone: "America/New_York", ...options });

/** What a second import finds of the first. */
async function isThere(folder: string): Promise<boolean> {
  const { encounters } = await runImport(db.urls.data, { folder });
  return encounters.alreadyThere === encounters.read;
}

describe("an import that fails", () => {
  it.each([
    ["before the commit arrives", "before", false],
    ["after it has arrived", "after", true],
  ] as const)("is not known to be there when the connection breaks %s", async (_title, when, there) => {
    const folder = makeExport();
    proxy.set({ cutAt: { words: "commit\0", when } });
    await expect(runImport(proxy.through(db.urls.data), { folder })).rejects.toThrow(
      /^Whether it was imported is not known; run it again/,
    );
    expect(await isThere(folder)).toBe(there);
  });

  it("has imported nothing when the server refuses to commit", async () => {
    const folder = makeExport();
    await db.superuser.query(`\
create function public.refuse() returns trigger language plpgsql as $$ begin raise 'not today'; end $$;
create constraint trigger refuse after insert on app_public.clinics deferrable initially deferred
  for each row execute function public.refuse()`);
    try {
      await expect(runImport(db.urls.data, { folder })).rejects.toThrow("Nothing was imported: not today");
    } finally {
      await db.superuser.query("drop trigger refuse on app_public.clinics; drop function public.refuse()");
    }
    expect(await isThere(folder)).toBe(false);
  });

  it("has imported everything when only its report cannot be published", async () => {
    const folder = makeExport();
    await expect(runImport(db.urls.data, { folder, reportPath: occupied })).rejects.toThrow(
      /^Everything was imported, but something failed afterwards: .*rename/,
    );
    expect(await isThere(folder)).toBe(true);
  });

  it("is told as such by the command", async () => {
    const told = async (folder: string) => {
      const root = join(import.meta.dirname, "../..");
      const child = spawn(
        process.execPath,
        [join(root, "src/cli.ts"), "import", "synthea", folder, "--report", occupied],
        { env: { ...process.env, ...commandEnvironment(db) }, stdio: ["ignore", "ignore", "pipe"] },
      );
      let errors = "";
      child.stderr.on("data", (data: Buffer) => (errors += data));
      const [code] = await once(child, "close");
      expect(code).toBe(2);
      return errors;
    };
    const folder = makeExport();
    const [failed, nowhere] = [await told(folder), await told("/nowhere")];
    expect(failed).toContain("Everything was imported, but");
    expect(failed).not.toContain("Nothing was imported");
    expect(nowhere).toContain("Nothing was imported: Cannot read '/nowhere'");
    expect(await isThere(folder)).toBe(true);
  });
});
