import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { planTable } from "../../src/scaffold/planTable.ts";
import { writeFiles } from "../../src/scaffold/writeFiles.ts";
import { makeScratchCheckout, type ScratchCheckout } from "./scratchCheckout.ts";

const ROOT = join(import.meta.dirname, "../..");

describe("a plan", () => {
  it("is idempotent SQL with a tenant in every key, and lines of at most 120 characters", async () => {
    const columns = Array.from({ length: 12 }, (_, index) => `a_column_with_a_long_name_${index}:text`);
    const files = await planTable(ROOT, { path: "rehearsing/rehearsals", scope: "clinic", columns });
    const [migration, fixture] = files.map(({ text }) => text);
    expect(migration).toMatch(/^create table if not exists app_public\.rehearsals \(/);
    expect(migration).toContain("  unique (organization_id, clinic_id, id),");
    expect(migration).toMatch(/^--!include rehearsing\/rehearsals\.sql$/m);
    expect(migration?.match(/create .*/g)?.every((line) => line.includes(" if not exists "))).toBe(true);
    for (const line of `${migration}${fixture}`.split("\n")) {
      expect(line.length).toBeLessThanOrEqual(120);
    }
  });
});

describe("files that are written", () => {
  it("are all as they were when what follows fails, the folders too", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bailiwick-write-"));
    writeFileSync(join(folder, "old.txt"), "old");
    const files = [
      { path: "old.txt", text: "new" },
      { path: "a/b/new.txt", text: "new" },
    ];
    const failing = writeFiles(folder, files, () => {
      expect(readFileSync(join(folder, "a/b/new.txt"), "utf8")).toBe("new");
      return Promise.reject(new Error("no"));
    });
    await expect(failing).rejects.toThrow("no");
    expect(readFileSync(join(folder, "old.txt"), "utf8")).toBe("old");
    expect(() => readFileSync(join(folder, "a"))).toThrow("ENOENT");
    rmSync(folder, { recursive: true });
  });
});

// These tables are rehearsals: a likelier name may be that of a table which somebody has made since.
describe("bailiwick new table", () => {
  let checkout: ScratchCheckout;
  let written: string[] = [];
  const MAKING = 400_000;
  const CHECKING = 180_000;

  beforeAll(() => {
    checkout = makeScratchCheckout();
  });
  afterAll(() => checkout.remove());

  const make = async (...args: string[]) => {
    const { code, output } = await checkout.run("bin/bailiwick", "new", "table", ...args);
    expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
    expect(output).toMatch(/^Trying every command [^]*^Wrote\n[^]*\bdemo row after 'npx bailiwick seed'/m);
    return Array.from(output.matchAll(/^ {2}(\S+)$/gm), ([, path]) => path ?? "");
  };
  const node = (...args: string[]) => checkout.run("bin/node", ...args);

  it(
    "changes nothing when it refuses, on the request or on what Postgres says",
    async () => {
      const before = checkout.files();
      const refused = await checkout.run("bin/bailiwick", "new", "table", "clinical/patients");
      expect(refused).toMatchObject({ code: 2 });
      expect(refused.output).toContain("There is a table, view or type app_public.patients already.");
      const broken = join(checkout.root, "migrations/current/005-broken.sql");
      writeFileSync(broken, "select broken;\n");
      const failed = await checkout.run("bin/bailiwick", "new", "table", "rehearsing/rehearsal_rooms");
      expect(failed).toMatchObject({ code: 2 });
      expect(failed.output).toContain('column "broken" does not exist');
      rmSync(broken);
      expect(checkout.files()).toEqual(before);
    },
    MAKING,
  );

  it(
    "writes a migration, a fixture, a part of the matrix, a demo row, and what is generated",
    async () => {
      const columns = ["patient_id:patients", "room_id:rehearsal_rooms:optional", "reason:text"].flatMap(
        (column) => ["--column", column],
      );
      written = [
        ...(await make(
          "rehearsing/rehearsal_rooms",
          "--scope",
          "organization",
          "--column",
          "is_open:boolean:optional",
        )),
        ...(await make("rehearsing/rehearsals", ...columns)),
      ];
      expect(written).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^migrations\/current\/\d{3}-rehearsals\.sql$/),
          "migrations/fixtures/rehearsing/rehearsals.sql",
          "test/schema/access/matrix/tables/rehearsalRooms.ts",
          "test/schema/access/matrix/tables/rehearsals.ts",
          "src/access/world/tables/rehearsals.ts",
          "src/seed/tables/rehearsals.ts",
          "migrations/catalog.txt",
          "schema.graphql",
          "docs/access-matrix.md",
          "docs/domains/README.md",
          "docs/domains/rehearsing.md",
        ]),
      );
    },
    MAKING,
  );

  it(
    "makes what passes the types, the linter and the formatter without an edit",
    async () => {
      const typescript = written.filter((path) => path.endsWith(".ts"));
      const formatted = written.filter((path) => /\.(ts|md)$/.test(path));
      expect(typescript).not.toEqual([]);
      const runs = [
        await node("node_modules/typescript-native/bin/tsc", "--noEmit"),
        await node("node_modules/eslint/bin/eslint.js", ...typescript),
        await node("node_modules/prettier/bin/prettier.cjs", "--check", ...formatted),
      ];
      expect(runs.filter(({ code }) => code !== 0)).toEqual([]);
    },
    CHECKING,
  );

  const jest = (...args: string[]) =>
    node(
      "--experimental-vm-modules",
      "--disable-warning=ExperimentalWarning",
      "node_modules/jest/bin/jest.js",
      ...args,
    );

  it(
    "makes tables that keep every rule of the catalogue, and pass what asks for each table",
    async () => {
      const { code, output } = await jest(
        "test/conventions/(catalogRules|migrations|tree)",
        "test/access/ownSchema",
        "test/schema/tenancy/deletion",
        "test/seed/everyTable",
        "test/graphql/apiShape",
        "test/schemaDocs",
      );
      expect(code === 0 ? "" : output).toBe("");
      expect(output).toMatch(/Tests: +\d\d+ passed, \d\d+ total/);
    },
    CHECKING,
  );

  it(
    "makes parts of the matrix of access that pass for each kind of person",
    async () => {
      const { code, output } = await jest(
        "test/schema/access/matrix",
        "-t",
        "every table of the API|rehearsal",
      );
      expect(code === 0 ? "" : output).toBe("");
      // A line for every table, rows in both, and 13 kinds that see, add, change, truncate, delete and move.
      expect(output).toMatch(/Tests: +\d+ skipped, \d{3} passed/);
    },
    CHECKING,
  );
});
