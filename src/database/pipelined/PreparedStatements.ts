/** What has to be sent before a named statement can be bound. */
export interface Preparation {
  /** Statements to close first: evicted ones, and those of which it is not known whether the server has them. */
  close: string[];
  parse: boolean;
}

/**
 * Which named statements one connection has, as of everything that was sent to it: a pipeline is answered in order, so what
 * is sent later may rely on what was sent before.
 */
export class PreparedStatements {
  readonly #limit: number;
  /** Least recently used first. */
  readonly #names = new Set<string>();
  /** Names whose Parse was followed by an error: the server may have them or not. */
  readonly #uncertain = new Set<string>();

  /** `limit`: of statements, each of which keeps its plan in the memory of the server's process; 0: none has a name. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether statements are sent with their names. */
  get isUsed(): boolean {
    return this.#limit > 0;
  }

  /** Counts the statement as there, since the caller sends what it is told. */
  prepare(name: string): Preparation {
    const isKnown = this.#names.delete(name);
    this.#names.add(name);
    if (isKnown) {
      return { close: [], parse: false };
    }
    const close = [...this.#uncertain];
    this.#uncertain.clear();
    const [oldest] = this.#names;
    if (this.#names.size > this.#limit && oldest !== undefined) {
      this.#names.delete(oldest);
      close.push(oldest);
    }
    return { close, parse: true };
  }

  /** When the server does not know one that it should: its memory may have been emptied (`deallocate all`, a pooler). */
  forgetAll(): void {
    this.#names.forEach((name) => this.#uncertain.add(name));
    this.#names.clear();
  }

  /** After an error of the batch that parsed it, or when its plan has become useless. */
  forget(name: string): void {
    if (this.#names.delete(name)) {
      this.#uncertain.add(name);
    }
  }
}
