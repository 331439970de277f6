/** Stops the run's Postgres and removes its folder. Whoever kills Jest before this gets the same: see guardian.ts. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.stopTestCluster?.();
}
