import { decrypt, encrypt, KEY_LENGTH, type SealedBytes, sha256 } from "./aesGcm.ts";
import {
  base64UrlFromBytes,
  type Bytes,
  bytesFromBase64Url,
  lengthPrefixed,
  randomBytes,
  utf8,
  uuidBytes,
} from "./canonicalBytes.ts";
import type { DataKey } from "./envelope.ts";
import { VaultError } from "./VaultError.ts";

/** What a link carries: the token goes to the server in the body of a request, the key goes nowhere. */
export interface ShareSecrets {
  /** 256 random bits as 43 characters. */
  token: string;
  key: Bytes;
}

/** A record's data key under the share's key: a row of `healthcareShareRecords`. */
export interface ShareWrap extends SealedBytes {
  keyId: string;
}

const TOKEN_PATTERN = /^[\w-]{43}$/;

/** A new token. Store its hash with `createShareToken`; nobody can read it back. */
export function generateShareToken(): string {
  return base64UrlFromBytes(randomBytes(32));
}

export function generateShareKey(): Bytes {
  return randomBytes(KEY_LENGTH);
}

/** What the server keeps of a token. */
export function hashShareToken(token: string): Promise<Bytes> {
  return sha256(utf8(token));
}

/** Both secrets stand in the fragment, which browsers send to no server and in no Referer. */
export function makeShareLink(pageUrl: string, { token, key }: ShareSecrets): string {
  const url = new URL(pageUrl);
  url.hash = `${token}.${base64UrlFromBytes(key)}`;
  return url.href;
}

/** @throws VaultError BAD_LINK when the fragment is missing or cut. */
export function parseShareLink(link: string): ShareSecrets {
  const [token = "", key = "", ...rest] = URL.canParse(link) ? new URL(link).hash.slice(1).split(".") : [];
  if (rest.length > 0 || !TOKEN_PATTERN.test(token) || !TOKEN_PATTERN.test(key)) {
    throw new VaultError("BAD_LINK");
  }
  return { token, key: bytesFromBase64Url(key) };
}

/** Encrypts a record's data key for whoever holds the share's key. Give each shared record a data key of its own. */
export async function wrapForShare(
  shareKey: Bytes,
  shareId: string,
  recordId: string,
  dataKey: DataKey,
): Promise<ShareWrap> {
  const sealed = await encrypt(shareKey, dataKey.bytes, shareAad(shareId, recordId, dataKey.id));
  return { keyId: dataKey.id, ...sealed };
}

/** @throws VaultError CANNOT_OPEN when the wrap belongs to another share or record, or was changed. */
export async function unwrapFromShare(
  shareKey: Bytes,
  shareId: string,
  recordId: string,
  wrap: ShareWrap,
): Promise<DataKey> {
  const bytes = await decrypt(shareKey, wrap, shareAad(shareId, recordId, wrap.keyId));
  return { id: wrap.keyId, bytes };
}

function shareAad(shareId: string, recordId: string, keyId: string): Bytes {
  return lengthPrefixed(
    utf8("bailiwick.share-wrap.1"),
    uuidBytes(shareId),
    uuidBytes(recordId),
    uuidBytes(keyId),
  );
}
