import { sha256 } from "../documents/sha256.ts";

/**
 * The name of a statement that came without one: the same for the same text. Grafast names reads only, and a change that is
 * not prepared is parsed and planned anew each time, which takes longer than making it.
 */
export function writeName(text: string): string {
  return `bailiwick_write_${sha256(text).slice(0, 40)}`;
}
