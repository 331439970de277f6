/** What was acquired, to be released in reverse order. */
export class ReleaseList {
  readonly #releases: (() => Promise<void>)[] = [];

  add(release: () => Promise<void>): void {
    this.#releases.push(release);
  }

  /** Releases everything even if some of it fails, then throws the first failure. Safe to call twice. */
  async releaseAll(): Promise<void> {
    const failures: unknown[] = [];
    for (;;) {
      const release = this.#releases.pop();
      if (release === undefined) {
        break;
      }
      await release().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) {
      throw failures[0];
    }
  }
}
