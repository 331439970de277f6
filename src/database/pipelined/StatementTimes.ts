/** Weight of the newest measurement in the moving average. */
const WEIGHT = 0.2;
/** Milliseconds on average from which a statement would hold up too many behind it. */
const SLOW = 25;
/** Statements that are remembered. */
const LIMIT = 1000;

/** How long named statements take, so that only those known to be short stand in line on a shared connection. */
export class StatementTimes {
  /** Oldest first. */
  readonly #averages = new Map<string, number>();

  /** Whether the statement has been seen, and has been short lately. */
  isShort(name: string): boolean {
    const average = this.#averages.get(name);
    return average !== undefined && average <= SLOW;
  }

  /** `milliseconds`: what the server took. A statement without a name is not remembered. */
  record(name: string | undefined, milliseconds: number): void {
    if (name === undefined) {
      return;
    }
    const before = this.#averages.get(name);
    this.#averages.set(name, before === undefined ? milliseconds : before + WEIGHT * (milliseconds - before));
    const [oldest] = this.#averages.keys();
    if (this.#averages.size > LIMIT && oldest !== undefined) {
      this.#averages.delete(oldest);
    }
  }
}
