/** What somebody has to put right before a backfill can run, or go on: a sentence without any value of a row. */
export class BackfillMistake extends Error {
  override readonly name = "BackfillMistake";
}
