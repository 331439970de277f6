/** Bytes with a buffer of their own, which is what WebCrypto takes. */
export type Bytes = Uint8Array<ArrayBuffer>;

const UUID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function utf8(text: string): Bytes {
  return new Uint8Array(new TextEncoder().encode(text));
}

/** The 16 bytes of a uuid. @throws RangeError when the text is none. */
export function uuidBytes(uuid: string): Bytes {
  if (!UUID_PATTERN.test(uuid)) {
    throw new RangeError(`A uuid has 32 hexadecimal digits in five groups; got '${uuid}'`);
  }
  return bytesFromHex(uuid.replaceAll("-", ""));
}

/** Two bytes, most significant first. */
export function int16(value: number): Bytes {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setInt16(0, value);
  return bytes;
}

/** Four bytes, most significant first. */
export function int32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

export function concatenate(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/**
 * Each field after its length in four bytes: no two lists of fields give the same bytes. The database builds the same in
 * `app_hidden.length_prefixed`.
 */
export function lengthPrefixed(...fields: readonly Uint8Array[]): Bytes {
  return concatenate(...fields.flatMap((field) => [int32(field.length), field]));
}

/** Whether two byte strings are the same; not for secrets, it stops at the first difference. */
export function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

export function bytesFromHex(hex: string): Bytes {
  if (hex.length % 2 !== 0 || /[^0-9a-f]/i.test(hex)) {
    throw new RangeError(
      `Hex is an even number of the digits 0 to 9 and a to f; got ${hex.length} characters`,
    );
  }
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  );
}

export function hexFromBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Base64 for URLs (RFC 4648, section 5), without padding. */
export function base64UrlFromBytes(bytes: Uint8Array): string {
  return base64FromBytes(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function bytesFromBase64Url(text: string): Bytes {
  if (/[^\w-]/.test(text)) {
    throw new RangeError("Base64 for URLs has letters, digits, '-' and '_' only");
  }
  return bytesFromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
}

/** Base64 as the API's Base64EncodedBinary has it. */
export function base64FromBytes(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

export function bytesFromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

export function randomBytes(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}
