import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { buildSchema } from "graphql";

import { checkDocuments } from "../../src/documents/checkDocuments.ts";
import { readManifests } from "../../src/documents/readManifests.ts";
import { sha256 } from "../../src/documents/sha256.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "manifests-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, manifest: unknown): void {
  writeFileSync(join(folder, name), typeof manifest === "string" ? manifest : JSON.stringify(manifest));
}

describe("a manifest", () => {
  it("can be Apollo's, a map of ids, or a bare map as Relay writes it", () => {
    const body = "query A { a }";
    write("apollo.json", {
      owner: "web@example.com",
      format: "apollo-persisted-query-manifest",
      version: 1,
      operations: [{ id: sha256(body), name: "A", type: "query", body }],
    });
    write("codegen.json", { owner: "mobile@example.com", documents: { "mobile-1": "{ b }" } });
    write("relay.json", { "2f5f9d6b": "{ c }" });
    write("notes.txt", "no manifest");
    expect(readManifests(folder).map(({ id, text, owner }) => [id, text, owner])).toEqual([
      [sha256(body), body, "web@example.com"],
      ["mobile-1", "{ b }", "mobile@example.com"],
      ["2f5f9d6b", "{ c }", "relay"],
    ]);
  });

  it("is empty where the folder is missing", () => {
    expect(readManifests(join(folder, "nowhere"))).toEqual([]);
  });

  it("is refused as a whole, with every problem named", () => {
    write("a.json", {
      owner: "a",
      documents: { [sha256("{ x }")]: "{ y }", "no id": "{ x }", twice: "{ 1 }" },
    });
    write("b.json", { owner: "b", operations: {} });
    write("c.json", "{");
    write("d.json", { twice: "{ 2 }", empty: "" });
    const read = () => readManifests(folder);
    expect(read).toThrow(/is not the SHA-256 of its text/);
    expect(read).toThrow(/'no id' is no id/);
    expect(read).toThrow(/'operations' must be a list/);
    expect(read).toThrow(/c\.json: not valid JSON/);
    expect(read).toThrow(/'twice' is another document in/);
    expect(read).toThrow(/'empty' has no text/);
  });
});

describe("a change of the schema", () => {
  const document = (id: string, text: string) => ({ id, text, owner: `owner of ${id}`, file: "m.json" });
  const schema = buildSchema(
    'type Query { a: Int old: Int @deprecated(reason: "Since 2026-11-20, until 2027-05-31: use a.") }',
  );

  it("names the documents that it breaks, and those that its announcements concern", () => {
    const documents = [
      document("fine", "{ a }"),
      document("soon", "{ old }"),
      document("now", "{ a\n gone }"),
    ];
    expect(
      checkDocuments(documents, schema).map(({ document: { owner }, kind, line }) => [owner, kind, line]),
    ).toEqual([
      ["owner of now", "broken", 2],
      ["owner of soon", "deprecated", 1],
    ]);
  });

  it("takes a document that cannot be read for a broken one", () => {
    expect(checkDocuments([document("bad", "{ a")], schema)).toMatchObject([{ kind: "broken" }]);
  });
});
