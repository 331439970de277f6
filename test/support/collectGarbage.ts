import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Gives back what nobody holds: without it, a measurement is mostly of what the collector has not come to yet. */
export const collectGarbage = runInNewContext("gc") as () => void;
