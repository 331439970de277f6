import pg from "pg";
import { prepareValue } from "pg/lib/utils.js";

import { INVALID_SQL_STATEMENT_NAME } from "../../errors/sqlStates.ts";
import type { PreparedStatements } from "./PreparedStatements.ts";

/** For the statement and no longer, as `set_config(…, true)` has them. */
export type Settings = Readonly<Record<string, string>>;

/** A statement as Grafast hands it over. */
export interface Statement {
  text: string;
  values?: readonly unknown[];
  /** Statements of the same name have the same text. */
  name?: string;
  /** Rows as arrays instead of objects. */
  arrayMode?: boolean;
}

export interface StatementResult {
  rows: readonly unknown[];
  rowCount: number | null;
}

/** The part of pg's protocol layer that a query writes to. The version of `pg` is pinned for it. */
interface Connection {
  stream: { cork(): void; uncork(): void };
  parse(message: { text: string; name: string }): void;
  /** `values`: as `prepareValue` gives them. */
  bind(message: { statement: string; values: readonly unknown[] }): void;
  describe(message: { type: "P"; name: string }): void;
  execute(message: object): void;
  close(message: { type: "S"; name: string }): void;
  sync(): void;
}

interface BaseQuery {
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: Connection): void;
  handleError(error: Error, connection: Connection): void;
}
type QueryClass = new (
  config: object,
  values: undefined,
  callback: (error: Error | null, result: StatementResult) => void,
) => BaseQuery;

/** pg's own class: its client refuses any other in a pipeline, because most are not written for one. */
const Query = pg.Query as unknown as QueryClass;

/**
 * A request's settings and one statement in one flush and before one Sync, which makes them one implicit transaction: the
 * settings hold for the statement, and end with it. One round trip, where begin, settings, statement and commit take four.
 *
 * Settles exactly once, by `callback`.
 */
export class BatchQuery extends Query {
  readonly #settings: readonly (readonly [string, string])[];
  readonly #statement: Statement;
  readonly #prepared: PreparedStatements;
  #areSettingsDone: boolean;
  readonly #parsed: string[] = [];

  constructor(
    settings: Settings,
    statement: Statement,
    prepared: PreparedStatements,
    callback: (error: Error | null, result: StatementResult) => void,
  ) {
    // No name: pg would keep a book of prepared statements of its own, which a batch of two confuses.
    super({ text: statement.text, rowMode: statement.arrayMode ? "array" : undefined }, undefined, callback);
    this.#settings = Object.entries(settings);
    // Before anything is written: half a batch without its Sync would take the next one into its transaction.
    this.#statement = { ...statement, values: (statement.values ?? []).map((value) => prepareValue(value)) };
    this.#prepared = prepared;
    this.#areSettingsDone = this.#settings.length === 0;
  }

  /** Called by pg when it is this query's turn to be written. */
  submit(connection: Connection): Error | null {
    connection.stream.cork();
    try {
      if (!this.#areSettingsDone) {
        this.#send(connection, settingsStatement(this.#settings));
        connection.execute({});
      }
      this.#send(connection, this.#statement);
      connection.describe({ type: "P", name: "" });
      connection.execute({});
      connection.sync();
      return null;
    } finally {
      // Once every request of this turn of the event loop has been read: what they ask goes out in one write.
      setImmediate(() => connection.stream.uncork());
    }
  }

  override handleDataRow(message: unknown): void {
    if (this.#areSettingsDone) {
      super.handleDataRow(message);
    }
  }

  override handleCommandComplete(message: unknown, connection: Connection): void {
    if (this.#areSettingsDone) {
      super.handleCommandComplete(message, connection);
    }
    this.#areSettingsDone = true;
  }

  override handleError(error: Error, connection: Connection): void {
    this.#parsed.forEach((name) => this.#prepared.forget(name));
    if ((error as { code?: unknown }).code === INVALID_SQL_STATEMENT_NAME) {
      // The server has forgotten one, and so maybe all, that of the settings among them.
      this.#prepared.forgetAll();
    }
    super.handleError(error, connection);
  }

  #send(connection: Connection, { text, name: given = "", values = [] }: Statement): void {
    const name = this.#prepared.isUsed ? given : "";
    const { close, parse } =
      name === "" ? { close: [], parse: true } : this.#prepared.prepare(name, text.length);
    close.forEach((closed) => connection.close({ type: "S", name: closed }));
    if (parse) {
      connection.parse({ text, name });
      this.#parsed.push(name);
    }
    connection.bind({ statement: name, values });
  }
}

/** Texts of statements that set so many settings. */
const settingsTexts = new Map<number, string>();

/** All settings in one statement: once `role` is set, the request may not call set_config any more. */
function settingsStatement(settings: readonly (readonly [string, string])[]): Statement {
  const { length } = settings;
  return { name: `bailiwick_settings_${length}`, text: settingsText(length), values: settings.flat() };
}

function settingsText(length: number): string {
  const known = settingsTexts.get(length);
  if (known !== undefined) {
    return known;
  }
  const calls = Array.from(
    { length },
    (_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`,
  );
  const text = `select ${calls.join(", ")}`;
  settingsTexts.set(length, text);
  return text;
}
