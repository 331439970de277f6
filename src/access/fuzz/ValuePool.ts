import type { Variables } from "./openApi.ts";
import { aliasOf, fieldOfAlias, type FuzzRequest, type Subject } from "./RequestWriter.ts";

interface Row {
  id?: unknown;
  rowId?: unknown;
}

interface Connection {
  edges?: { cursor?: unknown }[];
}

/** The way of asking a list that is in the order for which cursors are sent: they are good for no other. */
const LIST_ALIAS = aliasOf("", 0);

/** What one side's people were answered: ids, cursors and values to send with other requests. */
export class ValuePool {
  readonly #rows = new Map<string, Row>();
  readonly #cursors = new Map<string, unknown>();
  readonly #values = new Map<string, unknown>();
  readonly #isOurs: (row: Row) => boolean;

  /** `isOurs`: whether a row is this side's and not everybody's. */
  constructor(isOurs: (row: Row) => boolean) {
    this.#isOurs = isOurs;
  }

  /** Keeps the first row of each type, and the first value of each of its fields, of an answer. */
  take(data: unknown): void {
    if (Array.isArray(data)) {
      data.forEach((each) => this.take(each));
    } else if (typeof data === "object" && data !== null) {
      const row = data as Record<string, unknown>;
      for (const [key, value] of Object.entries(row)) {
        if (key.endsWith(LIST_ALIAS) && value) {
          const list = `${String(row.__typename)}.${fieldOfAlias(key)}`;
          keepFirst(this.#cursors, list, (value as Connection).edges?.[0]?.cursor);
        }
        this.take(value);
      }
      const type = row.__typename;
      if (typeof type === "string" && ("rowId" in row || "userId" in row) && this.#isOurs(row)) {
        this.#takeRow(type, row);
      }
    }
  }

  #takeRow(type: string, row: Record<string, unknown>): void {
    const { id, rowId } = row;
    this.#rows.set(type, { id, rowId, ...this.#rows.get(type) });
    for (const [field, value] of Object.entries(row)) {
      if (value !== null && typeof value !== "object") {
        keepFirst(this.#values, `${type}.${field}`, value);
        keepFirst(this.#values, field, value);
      }
    }
  }

  find(subject: Subject): unknown {
    switch (subject.kind) {
      case "rowId":
        return this.#rows.get(subject.type)?.rowId;
      case "nodeId":
        return this.#rows.get(subject.type)?.id;
      case "cursor":
        return this.#cursors.get(subject.type);
      case "value":
        return this.#values.get(subject.type === null ? subject.field : `${subject.type}.${subject.field}`);
    }
  }

  get types(): string[] {
    return [...this.#rows.keys()];
  }
}

function keepFirst(map: Map<string, unknown>, key: string, value: unknown): void {
  if (value !== null && value !== undefined && !map.has(key)) {
    map.set(key, value);
  }
}

/** Variables for a request, each from what `valueOf` says for its place. */
export function fill(request: FuzzRequest, valueOf: (subject: Subject, index: number) => unknown): Variables {
  return Object.fromEntries(request.slots.map(({ name, subject }, index) => [name, valueOf(subject, index)]));
}
