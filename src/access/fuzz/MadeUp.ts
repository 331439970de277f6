import { createHash } from "node:crypto";

import type { Subject } from "./RequestWriter.ts";

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const MARKER = /cnry[0-9a-z]{3}z/gi;
/** Has the shape of a canary and is none: numbers are given from 000. */
const NO_CANARY = "cnryzzzz";
/** What no row holds, for columns that are empty in every row. */
const BY_SCALAR: Readonly<Record<string, unknown>> = {
  Base64EncodedBinary: "bm90aGluZyBvZiB0aGF0IGtpbmQ=",
  BigFloat: "8128.5",
  BigInt: "8128",
  Date: "1901-02-03",
  Datetime: "1901-02-03T04:05:06Z",
  Float: 8128.5,
  Int: 8128,
  String: NO_CANARY,
};
const DAY = 24 * 60 * 60 * 1000;

/** Values that nobody has, the same ones for the same seed. */
export class MadeUp {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** A value of the same form as another one. */
  like(value: unknown): unknown {
    if (typeof value !== "string") {
      return value;
    }
    if (/^\d{4}-\d{2}-\d{2}T/.test(value)) {
      return new Date(Date.parse(value) + DAY / 7).toISOString();
    }
    if (/^\d{4}-\d{2}-\d{2}$/.test(value)) {
      return new Date(Date.parse(value) - 9 * DAY).toISOString().slice(0, 10);
    }
    const inner = Buffer.from(value, "base64");
    const text = inner.toString("latin1");
    if (inner.toString("base64") === value && (/^[[{"]/.test(text) || text.search(MARKER) >= 0)) {
      return Buffer.from(this.#replace(text), "latin1").toString("base64");
    }
    return this.#replace(value);
  }

  /** A value for what there is no example of. */
  instead(subject: Subject): unknown {
    const type = subject.type ?? "";
    const uuid = this.uuid(`${subject.kind} ${type}`);
    switch (subject.kind) {
      case "rowId":
        return uuid;
      case "nodeId":
        return Buffer.from(JSON.stringify([type, uuid])).toString("base64");
      case "cursor":
        return null;
      case "value":
        return subject.scalar === "UUID" ? uuid : BY_SCALAR[subject.scalar];
    }
  }

  uuid(name: string): string {
    const hex = createHash("sha256").update(`${this.#seed} ${name}`).digest("hex");
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `7${hex.slice(13, 16)}`,
      `a${hex.slice(17, 20)}`,
      hex.slice(20, 32),
    ].join("-");
  }

  /** Whether something is among the given share of all things. */
  chooses(name: string, share: number): boolean {
    const hash = createHash("sha256").update(`${this.#seed} choose ${name}`).digest();
    return hash.readUInt32BE(0) < share * 2 ** 32;
  }

  #replace(text: string): string {
    return text.replaceAll(UUID, (uuid) => this.uuid(uuid)).replaceAll(MARKER, NO_CANARY);
  }
}
