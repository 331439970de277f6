import { Kind, parse } from "graphql";

import { AppError } from "../errors/AppError.ts";
import { sha256 } from "./sha256.ts";

export interface TrustedDocument {
  id: string;
  text: string;
  /** Who answers for it. */
  owner: string;
  /** The manifest it comes from. */
  file: string;
}

/** The members of a request by which clients name documents. */
export interface DocumentRequest {
  query?: unknown;
  /** GraphQL over HTTP, appendix on persisted documents: an id, or `sha256:` and the hash. */
  documentId?: unknown;
  /** Relay's two habits. */
  id?: unknown;
  doc_id?: unknown;
  /** Apollo: `persistedQuery.sha256Hash`. */
  extensions?: unknown;
}

/** What a request asks for: the text to run, and the id of the trusted document it is, if it is one. */
export interface ResolvedDocument {
  text: string;
  trustedId: string | null;
}

const HASH_PREFIX = "sha256:";
const HASH_PATTERN = /^[0-9a-f]{64}$/;

/** The documents that this server knows, and the rule whether it runs others. */
export class TrustedDocuments {
  readonly #byId = new Map<string, TrustedDocument>();
  readonly #idsByText = new Map<string, string>();
  readonly #isExclusive: boolean;

  constructor(documents: Iterable<TrustedDocument>, isExclusive: boolean) {
    this.#isExclusive = isExclusive;
    for (const document of documents) {
      this.#byId.set(document.id, document);
      this.#idsByText.set(document.text, document.id);
    }
  }

  get isExclusive(): boolean {
    return this.#isExclusive;
  }

  /** The names of all operations in the documents. */
  operationNames(): ReadonlySet<string> {
    const definitions = [...this.#byId.values()].flatMap(({ text }) => parse(text).definitions);
    return new Set(
      definitions.flatMap((definition) =>
        definition.kind === Kind.OPERATION_DEFINITION ? (definition.name?.value ?? []) : [],
      ),
    );
  }

  textOf(id: string): string | undefined {
    return this.#byId.get(id)?.text;
  }

  isTrusted(text: string): boolean {
    return this.#idsByText.has(text);
  }

  /**
   * Finds the document that a request names in one way or several. Throws BAD_REQUEST when two of them disagree or
   * none is there, UNKNOWN_DOCUMENT for an unknown id, and for any other document where only trusted ones are run.
   */
  resolve(request: DocumentRequest): ResolvedDocument {
    const query = readText(request.query, "query");
    const id = this.#readId(request);
    if (id === null) {
      return this.#resolveText(query);
    }
    const text = this.textOf(id);
    if (text === undefined) {
      // Apollo sends a document it was not found by once more, with its hash: where that is allowed, it runs as any other.
      if (query !== null && !this.#isExclusive && id === sha256(query)) {
        return { text: query, trustedId: null };
      }
      throw new AppError("UNKNOWN_DOCUMENT");
    }
    if (query !== null && query !== text) {
      throw new AppError(
        "BAD_REQUEST",
        "'query' is not the document that the id names; send one of the two.",
      );
    }
    return { text, trustedId: id };
  }

  /** The request's document as grafserv takes it, in place of the names it came with. */
  toPayload(request: DocumentRequest): { query: string; documentId: string | undefined } {
    const { text, trustedId } = this.resolve(request);
    return { query: text, documentId: trustedId ?? undefined };
  }

  #resolveText(query: string | null): ResolvedDocument {
    if (query === null) {
      throw new AppError("BAD_REQUEST", "'query' must be a text.");
    }
    const trustedId = this.#idsByText.get(query) ?? null;
    if (trustedId === null && this.#isExclusive) {
      throw new AppError("UNKNOWN_DOCUMENT", "This server runs trusted documents only: send the id of one.");
    }
    return { text: query, trustedId };
  }

  #readId({ documentId, id, doc_id: relayId, extensions }: DocumentRequest): string | null {
    const names = new Set(
      [
        readText(documentId, "documentId"),
        readText(id, "id"),
        readText(relayId, "doc_id"),
        readApolloHash(extensions),
      ]
        .filter((name) => name !== null)
        .map((name) => name.replace(HASH_PREFIX, "")),
    );
    if (names.size > 1) {
      throw new AppError("BAD_REQUEST", "The request names several documents; name one.");
    }
    return names.values().next().value ?? null;
  }
}

/** Null for what is absent; clients that send an id often send an empty `query` with it. */
function readText(value: unknown, name: string): string | null {
  if (value === undefined || value === null || value === "") {
    return null;
  }
  if (typeof value !== "string") {
    throw new AppError("BAD_REQUEST", `'${name}' must be a text.`);
  }
  return value;
}

function readApolloHash(extensions: unknown): string | null {
  const persisted = (extensions as { persistedQuery?: unknown } | null | undefined)?.persistedQuery;
  if (persisted === undefined || persisted === null) {
    return null;
  }
  const hash = (persisted as { sha256Hash?: unknown }).sha256Hash;
  if (typeof hash !== "string" || !HASH_PATTERN.test(hash)) {
    throw new AppError(
      "BAD_REQUEST",
      "'extensions.persistedQuery.sha256Hash' must be a SHA-256 in lower-case hex.",
    );
  }
  return hash;
}
