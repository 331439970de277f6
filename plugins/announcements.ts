import { isUuid } from "../src/auth/claims.ts";

/** Operation of SQL → what clients read. */
export const OPERATIONS = { insert: "CREATED", update: "CHANGED", delete: "REMOVED" } as const;

/** What happened to one row: which it is, never what is in it. */
export interface Announcement {
  operation: keyof typeof OPERATIONS;
  id: string;
}

/**
 * Takes the payloads that `app_private.tg__announce` sends statement by statement, and yields row after row. `return()`
 * stops at once, which a generator that waits for its source could not.
 */
export function eachRow(payloads: AsyncIterableIterator<unknown>): AsyncIterableIterator<Announcement> {
  const ready: Announcement[] = [];
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      let row = ready.shift();
      while (!row) {
        const { done, value } = await payloads.next();
        if (done) {
          return { done, value: undefined };
        }
        ready.push(...parseAnnouncements(value));
        row = ready.shift();
      }
      return { done: false, value: row };
    },
    async return() {
      ready.length = 0;
      await payloads.return?.();
      return { done: true, value: undefined };
    },
  };
}

function parseAnnouncements(payload: unknown): Announcement[] {
  const { operation, ids } = JSON.parse(String(payload)) as { operation?: string; ids?: unknown };
  if (!isOperation(operation) || !Array.isArray(ids) || !ids.every(isUuid)) {
    throw new Error("An announcement must name an operation and uuids; got something else.");
  }
  return ids.map((id) => ({ operation, id }));
}

function isOperation(name: string | undefined): name is Announcement["operation"] {
  return name !== undefined && name in OPERATIONS;
}
