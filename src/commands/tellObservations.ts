import type { Observation } from "../doctor/examine.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";

export const observationOptions = {
  json: { type: "boolean", default: false, describe: "Print a JSON array instead of sentences." },
} as const;

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
