const STEP = 50;

/**
 * Milliseconds until an answer that took `elapsed` may leave, so that all of them take whole steps. A record that is not
 * there and one that is somebody else's cost the database different work; clients must not be able to tell which it was.
 */
export function timeToNextStep(elapsed: number): number {
  return STEP - (elapsed % STEP);
}
