/**
 * The client's half of the zero-knowledge vault. WebCrypto only: it runs in browsers and in Node, and imports nothing of
 * the server. `testVectors.json` shows what other implementations have to produce.
 */
export {
  base64FromBytes,
  base64UrlFromBytes,
  type Bytes,
  bytesFromBase64,
  bytesFromBase64Url,
} from "./canonicalBytes.ts";
export {
  type DeviceKey,
  deviceKeyMessage,
  type DevicePublicKeys,
  fingerprint,
  generateDeviceKey,
  type RegisteredDeviceKey,
  signMessage,
  trustedDevices,
} from "./deviceKey.ts";
export {
  type CryptoEnvelope,
  type DataKey,
  envelopeAad,
  generateDataKey,
  openRecord,
  type RecordIdentity,
  sealRecord,
} from "./envelope.ts";
export { type KeyWrap, unwrapDataKey, wrapDataKey } from "./keyWrap.ts";
export { MAXIMUM_CONTENT_BYTES } from "./padding.ts";
export {
  generateShareKey,
  generateShareToken,
  hashShareToken,
  makeShareLink,
  parseShareLink,
  type ShareSecrets,
  type ShareWrap,
  unwrapFromShare,
  wrapForShare,
} from "./shareLink.ts";
export { VaultError, type VaultErrorReason } from "./VaultError.ts";
