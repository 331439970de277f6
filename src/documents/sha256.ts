import { hash } from "node:crypto";

/** SHA-256 of a text in lower-case hex, by which clients name documents. */
export function sha256(text: string): string {
  return hash("sha256", text, "hex");
}
