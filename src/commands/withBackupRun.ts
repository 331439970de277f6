import type { ProgramPlaces } from "../backup/findPostgresProgram.ts";
import { loadEnvironment } from "../config.ts";
import { stopSignal } from "../stopSignal.ts";
import { makeProgressBar } from "./progressBar.ts";

export interface BackupRun {
  places: ProgramPlaces;
  signal: AbortSignal;
  onStep: (step: string) => void;
}

/** How many steps the longest of them tells. */
const STEPS = 9;

/** Runs `fn` until it is done or somebody presses Ctrl-C, which it hears of and tidies up after; shows its steps meanwhile. */
export async function withBackupRun<T>(fn: (run: BackupRun) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  void stopSignal().then((signal) =>
    interruption.abort(new Error(`Interrupted by ${signal}; nothing is left of it.`)),
  );
  const bar = makeProgressBar();
  let step = 0;
  try {
    return await fn({
      places: { path: loadEnvironment().PATH ?? "" },
      signal: interruption.signal,
      onStep: (name) => bar.update(++step / STEPS, name),
    });
  } finally {
    bar.stop();
  }
}
