import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { sha256 } from "./sha256.ts";
import type { TrustedDocument } from "./TrustedDocuments.ts";

const HASH_PATTERN = /^[0-9a-f]{64}$/;
const ID_PATTERN = /^[\w.:-]{1,200}$/;

/**
 * Reads every `*.json` of a folder: `{ "owner": …, "documents": { id: text } }` as Relay and GraphQL Codegen write their
 * maps, or `{ "owner": …, "operations": [{ id, body }] }` as Apollo writes its manifest. A bare map of ids is accepted as
 * well, owned by its file's name. Throws one error that lists every problem; a folder that is missing holds none.
 */
export function readManifests(folder: string): TrustedDocument[] {
  if (!existsSync(folder)) {
    return [];
  }
  const problems: string[] = [];
  const documents = new Map<string, TrustedDocument>();
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith(".json")) {
      continue;
    }
    const file = join(folder, name);
    for (const document of readManifest(file, problems)) {
      const other = documents.get(document.id);
      if (other && other.text !== document.text) {
        problems.push(`${file}: '${document.id}' is another document in ${other.file}`);
      }
      documents.set(document.id, document);
    }
  }
  if (problems.length > 0) {
    throw new Error(`The manifests of trusted documents cannot be used:\n- ${problems.join("\n- ")}`);
  }
  return [...documents.values()];
}

function readManifest(file: string, problems: string[]): TrustedDocument[] {
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    problems.push(`${file}: not valid JSON`);
    return [];
  }
  if (!isRecord(manifest)) {
    problems.push(`${file}: must be a JSON object`);
    return [];
  }
  const owner = typeof manifest.owner === "string" ? manifest.owner : basename(file, ".json");
  return entriesOf(manifest, file, problems).flatMap(([id, text]) => {
    const problem = problemOf(id, text);
    if (problem || typeof text !== "string") {
      problems.push(`${file}: '${id}' ${problem}`);
      return [];
    }
    return [{ id, text, owner, file }];
  });
}

/** Ids and texts, whichever of the shapes the manifest has. */
function entriesOf(
  manifest: Record<string, unknown>,
  file: string,
  problems: string[],
): [id: string, text: unknown][] {
  const { operations, documents } = manifest;
  if (Array.isArray(operations)) {
    return operations.map((operation: unknown) =>
      isRecord(operation) ? [String(operation.id), operation.body] : ["an operation", undefined],
    );
  }
  if (isRecord(documents)) {
    return Object.entries(documents);
  }
  if ("operations" in manifest || "documents" in manifest) {
    problems.push(`${file}: 'operations' must be a list, 'documents' an object`);
    return [];
  }
  return Object.entries(manifest).filter(([name]) => name !== "owner");
}

function problemOf(id: string, text: unknown): string | null {
  if (!ID_PATTERN.test(id)) {
    return "is no id: up to 200 letters, digits, dots, dashes, colons or underscores";
  }
  if (typeof text !== "string" || text === "") {
    return "has no text";
  }
  return HASH_PATTERN.test(id) && id !== sha256(text) ? "is not the SHA-256 of its text" : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
