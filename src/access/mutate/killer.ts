import type { DatabaseUrls } from "../../database/databaseUrls.ts";
import type { Mutant } from "./generateMutants.ts";

/** Something that has to notice when an access rule goes wrong. */
export interface Killer {
  name: string;
  /** Whether it looks at the furnished world, or brings its own rows to the bare schema. */
  looksAt: "world" | "schema";
  /**
   * @param urls of a database of its own that holds the mutant.
   * @returns what it noticed, in one line; null when it noticed nothing.
   */
  findEvidence(mutant: Mutant, urls: DatabaseUrls): Promise<string | null>;
  /** Ends what it has started. */
  close?(): Promise<void>;
}
