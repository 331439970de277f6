/** What has to be sent before a named statement can be bound. */
export interface Preparation {
  /** Statements to close first: evicted ones, and those of which it is not known whether the server has them. */
  close: string[];
  parse: boolean;
}

/**
 * Characters of the statements that a connection keeps, for each that it may keep: the memory of a plan grows with its statement
 * (about a hundred bytes for each character), and how long that is, clients decide.
 */
const USUAL_LENGTH = 4_000;

/**
 * Which named statements one connection has, as of everything that was sent to it: a pipeline is answered in order, so what
 * is sent later may rely on what was sent before.
 */
export class PreparedStatements {
  readonly #limit: number;
  /** Name → length of the text; least recently used first. */
  readonly #names = new Map<string, number>();
  #length = 0;
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
  prepare(name: string, length: number): Preparation {
    const isKnown = this.#drop(name);
    this.#names.set(name, length);
    this.#length += length;
    if (isKnown) {
      return { close: [], parse: false };
    }
    const close = [...this.#uncertain];
    this.#uncertain.clear();
    for (const oldest of this.#names.keys()) {
      const isTooMuch = this.#names.size > this.#limit || this.#length > this.#limit * USUAL_LENGTH;
      if (!isTooMuch || oldest === name) {
        break;
      }
      this.#drop(oldest);
      close.push(oldest);
    }
    return { close, parse: true };
  }

  /** When the server does not know one that it should: its memory may have been emptied (`deallocate all`, a pooler). */
  forgetAll(): void {
    [...this.#names.keys()].forEach((name) => this.forget(name));
  }

  /** After an error of the batch that parsed it, or when its plan has become useless. */
  forget(name: string): void {
    if (this.#drop(name)) {
      this.#uncertain.add(name);
    }
  }

  #drop(name: string): boolean {
    this.#length -= this.#names.get(name) ?? 0;
    return this.#names.delete(name);
  }
}
