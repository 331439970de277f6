import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE = 30_000;
const INTERVAL = 25;

/** Waits until the function returns true. How long it takes is not what a test is about. */
export async function eventually(
  isTrue: () => boolean | Promise<boolean>,
  patience = PATIENCE,
): Promise<void> {
  const deadline = Date.now() + patience;
  while (!(await isTrue())) {
    if (Date.now() > deadline) {
      throw new Error(`Not so within ${patience} ms: ${isTrue}`);
    }
    await sleep(INTERVAL);
  }
}
