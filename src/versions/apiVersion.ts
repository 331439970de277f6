import type { ReadHeader } from "../auth/requestScope.ts";
import { AppError } from "../errors/AppError.ts";

/** What clients are written against. A new one comes only with a change that a deprecation cannot announce. */
export const API_VERSION = "1";
/** All that this server speaks. */
export const API_VERSIONS: readonly string[] = [API_VERSION];
/** The header by which a client says which one it speaks, and the server which one it answered in. */
export const API_VERSION_HEADER = "x-api-version";

/** Throws NOT_ACCEPTABLE for a client that asks for a version which is not spoken here; who asks for none takes what there is. */
export function assertApiVersion(readHeader: ReadHeader): void {
  const asked = readHeader(API_VERSION_HEADER);
  if (asked !== undefined && (typeof asked !== "string" || !API_VERSIONS.includes(asked))) {
    throw new AppError("NOT_ACCEPTABLE", `This server speaks version ${API_VERSIONS.join(", ")} of the API.`);
  }
}
