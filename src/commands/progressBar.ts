import cliProgress from "cli-progress";

export interface ProgressBar {
  /** The fraction done, 0 to 1, and what is being done now. */
  update(fraction: number, step: string): void;
  /** Takes the bar away. */
  stop(): void;
}

const RESOLUTION = 1000;

/** One bar on stderr; nothing at all where stderr is no terminal. */
export function makeProgressBar(): ProgressBar {
  if (!process.stderr.isTTY) {
    return { update: () => undefined, stop: () => undefined };
  }
  const bar = new cliProgress.SingleBar({
    format: "{bar} {percentage} %  {step}",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: true,
    // Its handlers would end the process before the database is left in order.
    gracefulExit: false,
  });
  bar.start(RESOLUTION, 0, { step: "" });
  return {
    update: (fraction, step) => bar.update(Math.floor(fraction * RESOLUTION), { step }),
    stop: () => bar.stop(),
  };
}
