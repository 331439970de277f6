import { isUuid } from "../../auth/claims.ts";
import type { RejectionReason } from "../importReport.ts";

export interface Problem {
  reason: RejectionReason;
  /** A sentence for the report. Names the column and what it must hold, never what it holds: that may be a patient's. */
  detail: string;
}

/** Control characters, and those that turn the direction of writing and so make a text look like another. */
const INVISIBLE = /[\p{Cc}\p{Bidi_Control}\s]+/gu;
/** A spreadsheet takes a text that begins like this for a formula, and executes it. */
const FORMULA_START = /^[=+@-]+\s*/;
/** Synthea numbers the names it makes up: `Ludivina884 Steuber698`. */
const DIGITS = /\d+/g;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/;
const MONEY = /^(\d{1,13})(?:\.(\d{1,4}))?$/;
const NAME_LENGTH = 200;

/** Reads the fields of one row by column; remembers the first thing that is wrong with it. */
export class FieldReader {
  readonly #columns: readonly string[];
  #values: readonly string[] = [];
  problem: Problem | null = null;

  constructor(columns: readonly string[]) {
    this.#columns = columns;
  }

  start(values: readonly string[]): void {
    this.#values = values;
    this.problem = null;
  }

  refuse(reason: RejectionReason, detail: string): null {
    this.problem ??= { reason, detail };
    return null;
  }

  uuid(column: string): string | null {
    const value = this.#raw(column).toLowerCase();
    return isUuid(value) ? value : this.#invalid(column, "a uuid");
  }

  optionalUuid(column: string): string | null {
    return this.#raw(column) === "" ? null : this.uuid(column);
  }

  /** Free text, made harmless; null where there is none. */
  text(column: string): string | null {
    return this.#raw(column).replace(INVISIBLE, " ").trim().replace(FORMULA_START, "") || null;
  }

  /** A text that must be there, of at most 200 characters. */
  name(column: string): string | null {
    const text = this.text(column);
    return text !== null && text.length <= NAME_LENGTH
      ? text
      : this.#invalid(column, `1 to ${NAME_LENGTH} characters`);
  }

  /** As `name`, without the digits that Synthea appends. */
  personName(column: string): string | null {
    return this.name(column)?.replace(DIGITS, "").trim() || this.#invalid(column, "a name");
  }

  /** `YYYY-MM-DD`. */
  day(column: string): string | null {
    const value = this.#raw(column);
    return DAY.test(value) && isDay(value) ? value : this.#invalid(column, "a date such as 2014-10-06");
  }

  optionalDay(column: string): string | null {
    return this.#raw(column) === "" ? null : this.day(column);
  }

  /** ISO 8601 with its time zone. */
  time(column: string): string | null {
    const value = this.#raw(column);
    const day = TIME.exec(value)?.[1];
    return day !== undefined && isDay(day) && !Number.isNaN(Date.parse(value))
      ? value
      : this.#invalid(column, "a time such as 2023-01-27T16:17:47Z");
  }

  /** An amount in cents, rounded half up; null where there is none. */
  cents(column: string): string | null {
    const value = this.#raw(column);
    if (value === "") {
      return null;
    }
    const parts = MONEY.exec(value);
    if (parts === null) {
      return this.#invalid(column, "an amount such as 129.16");
    }
    const [, units = "0", fraction = ""] = parts;
    const tenThousandths = BigInt(units + fraction.padEnd(4, "0"));
    return String((tenThousandths + 50n) / 100n);
  }

  #raw(column: string): string {
    return (this.#values[this.#columns.indexOf(column)] ?? "").trim();
  }

  #invalid(column: string, allowed: string): null {
    return this.refuse("invalid_value", `${column} must be ${allowed}`);
  }
}

/** Date.parse takes February 30th for March 2nd. */
function isDay(value: string): boolean {
  const time = Date.parse(`${value}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(value);
}
