import { appendFileSync } from "node:fs";
import { readFile, truncate } from "node:fs/promises";

import type { Mutant } from "./generateMutants.ts";
import type { MutantResult } from "./mutateAccess.ts";

/** The kills of earlier runs, in a file of one JSON object a line. */
export interface KillJournal {
  /** What an earlier run found out about exactly this mutant, if one of these killers noticed it. */
  killOf(mutant: Mutant, killers: readonly string[]): MutantResult | undefined;
  /** Keeps a result, if it is a kill; it is in the file when this returns. */
  keep(result: MutantResult): void;
}

/** Rows that contradict a weaker key need nobody to look. */
const ALWAYS_LOOKS = "rows";

/**
 * Opens a journal, so that a long run can be interrupted and continued. What survived is not kept: it is tried again, since
 * a test may have been written meanwhile. A mutant whose SQL has changed is another one.
 *
 * @param file need not be there yet.
 * @throws when the file holds something else.
 */
export async function openKillJournal(file: string): Promise<KillJournal> {
  const kills = new Map((await readLines(file)).map((kill) => [keyOf(kill), kill]));
  return {
    killOf(mutant, killers) {
      const kill = kills.get(keyOf(mutant));
      return kill && [ALWAYS_LOOKS, ...killers].includes(kill.killer ?? "") ? kill : undefined;
    },
    keep(result) {
      if (result.status === "killed") {
        appendFileSync(file, `${JSON.stringify(result)}\n`);
      }
    },
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
  const kills = lines.map((line, index) => {
    const kill = parseLine(line);
    if (kill === null) {
      throw new Error(`'${file}' is no journal of 'access mutate': its line ${index + 1} holds no kill`);
    }
    return kill;
  });
  if (unfinished !== "") {
    // Its process was killed while it wrote: what comes next must not be joined to it.
    await truncate(file, Buffer.byteLength(text) - Buffer.byteLength(unfinished));
  }
  return kills;
}

function parseLine(line: string): MutantResult | null {
  try {
    const kill = JSON.parse(line) as Partial<MutantResult> | null;
    const isKill =
      kill?.status === "killed" &&
      [kill.operator, kill.object, kill.sql, kill.killer].every((text) => typeof text === "string") &&
      typeof kill.seconds === "number";
    return isKill ? (kill as MutantResult) : null;
  } catch {
    return null;
  }
}
