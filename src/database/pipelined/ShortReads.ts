import { QUERY_CANCELED } from "../../errors/sqlStates.ts";
import type { ConnectionGate } from "../ConnectionGate.ts";
import { type ConnectionEvents, enterGate, recordLease } from "../exclusiveConnections.ts";
import { timeoutOf } from "../statementTimeout.ts";
import type { Settings, Statement, StatementResult } from "./BatchQuery.ts";
import type { SharedConnections } from "./SharedConnections.ts";
import type { StatementTimes } from "./StatementTimes.ts";

interface ShortReadParts {
  connections: SharedConnections;
  times: StatementTimes;
  /** As many places as batches fit on the connections. */
  gate: ConnectionGate;
  events: ConnectionEvents;
}

/** Milliseconds for which a statement may hold up those behind it. */
const LONGEST = 1_000;

/** Reads that are known to be short, many at a time on a few connections. */
export class ShortReads {
  readonly #parts: ShortReadParts;

  constructor(parts: ShortReadParts) {
    this.#parts = parts;
  }

  /** How many wait for a place. */
  get waiting(): number {
    return this.#parts.gate.waiting;
  }

  /** Tells how long a statement took elsewhere: those without a record are not taken here. */
  record(name: string | undefined, milliseconds: number): void {
    this.#parts.times.record(name, milliseconds);
  }

  /** Whether a statement of this name would share a connection now. */
  takes(name: string | undefined): boolean {
    return name !== undefined && this.#parts.times.isShort(name);
  }

  /**
   * @returns null when the statement is not one of these: it has no name, or is not known to be short, or was not short
   * this time. Then nothing was done; it was a read.
   * @throws Postgres' error, the connection's when it was lost before the answer, or UNAVAILABLE after too long a wait.
   */
  async tryRun(settings: Settings, statement: Statement): Promise<StatementResult | null> {
    const { connections, gate, events } = this.#parts;
    if (!this.takes(statement.name)) {
      return null;
    }
    const arrival = performance.now();
    const leave = await enterGate(gate, settings);
    const start = performance.now();
    const own = timeoutOf(settings);
    const isCutShort = own === null || own > LONGEST;
    try {
      const limited = isCutShort ? { ...settings, statement_timeout: String(LONGEST) } : settings;
      return await connections.run(limited, statement);
    } catch (error) {
      if (isCutShort && (error as { code?: unknown }).code === QUERY_CANCELED) {
        return null;
      }
      throw error;
    } finally {
      leave();
      recordLease(events, start - arrival, performance.now() - start);
    }
  }
}
