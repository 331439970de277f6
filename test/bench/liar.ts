/**
 * A server that looks right: the hand-written one of the benchmark, with another patient's name in its answers. `--later`: only
 * when it has been asked so often that answers are no longer compared.
 */
import { STATEMENTS } from "../../bench/peers/statements.ts";

/** More than the questions that are compared. */
const TRUTHS = process.argv.includes("--later") ? 100 : 0;
const { point } = STATEMENTS;
let answers = 0;

if (point) {
  const { answer } = point;
  point.answer = (rows) =>
    answers++ < TRUTHS ? answer(rows) : { patient: { ...rows[0], rowId: "another", givenName: "Somebody" } };
}
await import("../../bench/peers/pipeline.ts");
