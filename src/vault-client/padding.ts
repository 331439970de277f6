import { type Bytes, int32 } from "./canonicalBytes.ts";
import { VaultError } from "./VaultError.ts";

const SMALLEST_CLASS = 256;
/** With the tag of 16 bytes, the 64 KiB that the server takes at most. */
const LARGEST_CLASS = 65_536 - 16;
const LENGTH_BYTES = 4;

/** The most bytes of content that one envelope holds. */
export const MAXIMUM_CONTENT_BYTES = LARGEST_CLASS - LENGTH_BYTES;

/** Fills content up to a class of sizes (256 bytes, then doubling), so that the server sees the class and not the size. */
export function pad(content: Uint8Array): Bytes {
  if (content.length > MAXIMUM_CONTENT_BYTES) {
    throw new VaultError("TOO_LARGE");
  }
  let size = SMALLEST_CLASS;
  while (size < content.length + LENGTH_BYTES) {
    size *= 2;
  }
  const padded = new Uint8Array(Math.min(size, LARGEST_CLASS));
  padded.set(int32(content.length));
  padded.set(content, LENGTH_BYTES);
  return padded;
}

/** @throws VaultError CANNOT_OPEN when the bytes did not come from `pad`. */
export function unpad(padded: Bytes): Bytes {
  const length = padded.length < LENGTH_BYTES ? -1 : new DataView(padded.buffer).getInt32(0);
  if (length < 0 || length > padded.length - LENGTH_BYTES) {
    throw new VaultError("CANNOT_OPEN");
  }
  return padded.slice(LENGTH_BYTES, LENGTH_BYTES + length);
}
