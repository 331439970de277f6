import type { Client } from "pg";

import type { DatabaseUrls } from "../../database/databaseUrls.ts";
import type { Mutant } from "./generateMutants.ts";

/** Something that has to notice when an access rule goes wrong, and says in one line what it noticed; null if nothing. */
interface AnyKiller {
  name: string;
  /** Ends what it has started. */
  close?(): Promise<void>;
}

/** `near`: quick, and enough for almost all; `far`: everything else that it can look at. */
export type Reach = "near" | "far";

/** Looks at the mutant in the open transaction that holds it. What it does there is undone with the mutant. */
export interface BenchKiller extends AnyKiller {
  looksAt: "transaction";
  findEvidence(mutant: Mutant, client: Client, reach: Reach): Promise<string | null>;
}

/** Needs a database of its own, without rows, that holds the mutant. */
export interface CloneKiller extends AnyKiller {
  looksAt: "clone";
  findEvidence(mutant: Mutant, urls: DatabaseUrls, reach: Reach): Promise<string | null>;
  /**
   * Whether the evidence that it found last at this address is there without a mutant too: then it was none.
   *
   * @param urls of a database that holds none.
   */
  isThereAnyway(urls: DatabaseUrls): Promise<boolean>;
}

export type Killer = BenchKiller | CloneKiller;
