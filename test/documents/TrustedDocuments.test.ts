import { describe, expect, it } from "@jest/globals";

import { sha256 } from "../../src/documents/sha256.ts";
import { type DocumentRequest, TrustedDocuments } from "../../src/documents/TrustedDocuments.ts";

const TEXT = "{ viewer { rowId } }";
const HASH = sha256(TEXT);
const OTHER = "query B { __typename }";
const DOCUMENTS = [
  { id: HASH, text: TEXT, owner: "web", file: "web.json" },
  { id: "mobile-7", text: OTHER, owner: "mobile", file: "mobile.json" },
];

const open = new TrustedDocuments(DOCUMENTS, false);
const exclusive = new TrustedDocuments(DOCUMENTS, true);

function codeOf(request: DocumentRequest, documents = open): unknown {
  try {
    return documents.resolve(request);
  } catch (error) {
    return (error as { code: unknown }).code;
  }
}

const apollo = (sha256Hash: unknown) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } });

describe("a trusted document", () => {
  it.each<[string, DocumentRequest]>([
    ["GraphQL over HTTP", { documentId: HASH }],
    ["GraphQL over HTTP, with the kind of the id", { documentId: `sha256:${HASH}` }],
    ["Apollo", apollo(HASH)],
    ["Relay", { doc_id: HASH }],
    ["Relay's other name", { id: HASH }],
    ["a client that sends an empty query with it", { query: "", documentId: HASH }],
    ["a client that sends the text with it", { query: TEXT, ...apollo(HASH) }],
    [
      "all of them at once",
      { query: TEXT, documentId: `sha256:${HASH}`, id: HASH, doc_id: HASH, ...apollo(HASH) },
    ],
    ["its text alone", { query: TEXT }],
  ])("can be named as by %s", (_client, request) => {
    for (const documents of [open, exclusive]) {
      expect(documents.resolve(request)).toEqual({ text: TEXT, trustedId: HASH });
    }
  });

  it.each<[string, DocumentRequest]>([
    ["another text", { query: OTHER, documentId: HASH }],
    ["another text, by Apollo", { query: "{ __typename }", ...apollo(HASH) }],
    ["another id", { documentId: HASH, id: "mobile-7" }],
    ["another hash", { documentId: "mobile-7", ...apollo(HASH) }],
    ["no text", { documentId: 7 }],
    ["an id that is no text", { doc_id: {} }],
    ["a hash that is none", apollo("mobile-7")],
    ["a hash that is no text", apollo(["x"])],
  ])("cannot be named together with %s", (_what, request) => {
    expect([codeOf(request), codeOf(request, exclusive)]).toEqual(["BAD_REQUEST", "BAD_REQUEST"]);
  });

  it.each<[string, DocumentRequest]>([
    ["an id", { documentId: "nope" }],
    ["a hash", apollo(sha256("{ nope }"))],
    ["a name of every object", { id: "constructor" }],
    ["a path", { id: "../../etc/passwd" }],
  ])("that is unknown is refused: %s", (_what, request) => {
    expect([codeOf(request), codeOf(request, exclusive)]).toEqual(["UNKNOWN_DOCUMENT", "UNKNOWN_DOCUMENT"]);
  });
});

describe("any other document", () => {
  it("can be sent, with its hash or without, where that is allowed", () => {
    expect(open.resolve({ query: "{ a }" })).toEqual({ text: "{ a }", trustedId: null });
    expect(open.resolve({ query: "{ a }", ...apollo(sha256("{ a }")) })).toEqual({
      text: "{ a }",
      trustedId: null,
    });
  });

  it("cannot be sent, in whatever way, where only trusted documents are run", () => {
    for (const request of [
      { query: "{ a }" },
      { query: "{ a }", ...apollo(sha256("{ a }")) },
      { query: `${TEXT} ` },
      { query: "{ a }", documentId: "nope" },
    ]) {
      expect(codeOf(request, exclusive)).toBe("UNKNOWN_DOCUMENT");
    }
    expect(codeOf({}, exclusive)).toBe("BAD_REQUEST");
  });
});
