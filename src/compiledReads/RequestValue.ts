import { NotCompilable } from "./NotCompilable.ts";

/** A parameter of the statement that each request gives itself. */
export class RequestValue {
  readonly read: (variables: Readonly<Record<string, unknown>>) => string | number | null;

  /** @param read throws NotCompilable for what the statement cannot be given: no key, no cursor, another filter's shape. */
  constructor(read: RequestValue["read"]) {
    this.read = read;
  }

  /** Whoever made a text of it would compare with that text. */
  toString(): never {
    throw new NotCompilable("a value that is no parameter");
  }

  toJSON(): never {
    return this.toString();
  }
}
