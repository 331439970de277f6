import type { Observation } from "../doctor/examine.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";

/** Prints what was looked at, and sets the exit status by it. */
export function tellObservations(observations: readonly Observation[], { json }: { json: boolean }): void {
  if (json) {
    console.log(JSON.stringify(observations, null, 2));
  } else {
    for (const { topic, isFinding, sentence } of observations) {
      console.log(`${isFinding ? "✗" : "✓"} ${topic}: ${sentence}`);
    }
  }
  process.exitCode = observations.some(({ isFinding }) => isFinding) ? FINDINGS : CLEAN;
}
