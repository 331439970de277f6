import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, it } from "@jest/globals";

import { findBase, withScratchFolder } from "../../src/access/diff/findBase.ts";

it("takes the committed migrations up to a number or name, and nothing that is open", async () => {
  for (const given of ["2", "000002", "identity", "000002-identity", "000002-identity.sql"]) {
    await withScratchFolder(async (folder) => {
      const base = await findBase(given, folder);
      expect(base).toMatchObject({ kind: "migrations", title: "000002-identity", api: null });
      expect(await readdir(join(folder, "migrations/committed"))).toEqual([
        "000001-foundation.sql",
        "000002-identity.sql",
      ]);
      expect(await readFile(join(folder, "migrations/current/1-current.sql"), "utf8")).toBe("");
    });
  }
});

it("takes migrations and API of a git revision", async () => {
  await withScratchFolder(async (folder) => {
    const base = await findBase("HEAD", folder);
    expect(base).toMatchObject({
      kind: "migrations",
      title: expect.stringMatching(/^HEAD \([0-9a-f]{10}\)$/),
    });
    expect(base).toHaveProperty("api", expect.stringContaining("type Query"));
    expect(await readdir(join(folder, "migrations"))).toContain("committed");
  });
});

it("takes the URL of a database as it is", async () => {
  const url = "postgres://nobody@127.0.0.1/none";
  expect(await findBase(url, "unused")).toEqual({ kind: "database", title: "the given database", url });
});

it("refuses what is none of them, and takes nothing for an option of git", async () => {
  for (const given of ["no-such-thing", "--output=x", ""]) {
    await withScratchFolder(async (folder) => {
      await expect(findBase(given, folder)).rejects.toThrow(`'${given}' is no database URL`);
    });
  }
});

it("leaves no folder behind, whatever happens", async () => {
  let made = "";
  const failing = withScratchFolder(async (folder) => {
    made = folder;
    throw new Error("on purpose");
  });
  await expect(failing).rejects.toThrow("on purpose");
  await expect(readdir(made)).rejects.toThrow("ENOENT");
});
