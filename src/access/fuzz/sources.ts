import type { MadeUp } from "./MadeUp.ts";
import type { Subject } from "./RequestWriter.ts";
import type { ValuePool } from "./ValuePool.ts";

/** Where the values come from that requests are filled with. */
export interface Sources {
  foreign: ValuePool;
  own: ValuePool;
  madeUp: MadeUp;
}

/** A value of the foreign tenant's, or of anybody's where only the operator has such rows. */
export function foreignValue({ foreign, own, madeUp }: Sources, subject: Subject): unknown {
  return foreign.find(subject) ?? own.find(subject) ?? madeUp.instead(subject);
}

/** A value of the outsiders' own tenant. */
export function ownValue({ own, foreign, madeUp }: Sources, subject: Subject): unknown {
  return own.find(subject) ?? madeUp.like(foreign.find(subject)) ?? madeUp.instead(subject);
}

/** Something that nobody has, where something of the foreign tenant's would stand. */
export function strangeValue({ foreign, own, madeUp }: Sources, subject: Subject): unknown {
  const value = foreign.find(subject);
  return value === undefined ? (own.find(subject) ?? madeUp.instead(subject)) : madeUp.like(value);
}
