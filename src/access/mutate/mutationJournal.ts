import { appendFileSync } from "node:fs";
import { readFile, truncate } from "node:fs/promises";

import type { Mutant } from "./generateMutants.ts";
import type { MutantResult } from "./mutateAccess.ts";

/** The results of earlier runs, in a file of one JSON object a line. */
export interface MutationJournal {
  /** What an earlier run found out about exactly this mutant, if one of these killers noticed it. */
  killOf(mutant: Mutant, killers: readonly string[]): MutantResult | undefined;
  /** Whether exactly this mutant was tried, and not killed. */
  hasFailed(mutant: Mutant): boolean;
  /** Keeps a result; it is in the file when this returns. */
  keep(result: MutantResult): void;
}

/** Rows that contradict a weaker key need nobody to look. */
const ALWAYS_LOOKS = "rows";

/**
 * Opens a journal, so that a long run can be interrupted and continued. Only kills count: what survived is tried again,
 * since a test may have been written meanwhile. A mutant whose SQL has changed is another one.
 *
 * @param file need not be there yet.
 * @throws when the file holds something else.
 */
export async function openMutationJournal(file: string): Promise<MutationJournal> {
  const results = new Map<string, MutantResult>();
  for (const result of await readLines(file)) {
    // A later run may have asked fewer killers: what it let pass takes nothing back.
    if (result.status === "killed" || results.get(keyOf(result))?.status !== "killed") {
      results.set(keyOf(result), result);
    }
  }
  return {
    killOf(mutant, killers) {
      const result = results.get(keyOf(mutant));
      const isKill = result?.status === "killed" && [ALWAYS_LOOKS, ...killers].includes(result.killer ?? "");
      return isKill ? result : undefined;
    },
    hasFailed: (mutant) => (results.get(keyOf(mutant))?.status ?? "killed") !== "killed",
    keep: (result) => appendFileSync(file, `${JSON.stringify(result)}\n`),
  };
}

const keyOf = ({ operator, object, sql }: Mutant) => JSON.stringify([operator, object, sql]);

async function readLines(file: string): Promise<MutantResult[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") {
      return "";
    }
    throw new Error(`Cannot read the journal '${file}': ${error.code}`, { cause: error });
  });
  const lines = text.split("\n");
  const unfinished = lines.pop() ?? "";
  const results = lines.map((line, index) => {
    const result = parseLine(line);
    if (result === null) {
      throw new Error(`'${file}' is no journal of 'access mutate': its line ${index + 1} holds no result`);
    }
    return result;
  });
  if (unfinished !== "") {
    // Its process was killed while it wrote: what comes next must not be joined to it.
    await truncate(file, Buffer.byteLength(text) - Buffer.byteLength(unfinished));
  }
  return results;
}

function parseLine(line: string): MutantResult | null {
  try {
    const result = JSON.parse(line) as Partial<MutantResult> | null;
    const isResult =
      ["killed", "survived", "invalid"].includes(result?.status ?? "") &&
      [result?.operator, result?.object, result?.sql].every((text) => typeof text === "string") &&
      typeof result?.seconds === "number";
    return isResult ? (result as MutantResult) : null;
  } catch {
    return null;
  }
}
