import { describeFailure } from "../describeFailure.ts";

/** What has become of the data when an import ends with an error. */
export type ImportOutcome = "nothing" | "everything" | "unknown";

const SENTENCES: Readonly<Record<ImportOutcome, string>> = {
  nothing: "Nothing was imported",
  everything: "Everything was imported, but something failed afterwards",
  unknown: "Whether it was imported is not known; run it again, which imports only what is missing",
};

/** An import that ended with an error, and says first what has become of the data. */
export class ImportFailure extends Error {
  override readonly name = "ImportFailure";
  readonly outcome: ImportOutcome;

  constructor(outcome: ImportOutcome, cause: unknown) {
    super(`${SENTENCES[outcome]}: ${describeFailure(cause)}`, { cause });
    this.outcome = outcome;
  }
}
