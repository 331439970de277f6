import { createHash } from "node:crypto";

const NAMESPACE = Buffer.from("0d8a7c3e5b1f4c6a9e2d7f8091a3b5c7", "hex");
const UUID_BYTES = 16;

/** The id of a demo row by its name: a UUID of version 5 (RFC 9562, section 5.5), the same on every run. */
export function demoId(name: string): string {
  const bytes = createHash("sha1").update(NAMESPACE).update(name).digest().subarray(0, UUID_BYTES);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
