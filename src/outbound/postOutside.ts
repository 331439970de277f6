import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";

import { useAgent as filteringAgent } from "request-filtering-agent";

export interface OutsideRequest {
  headers: Readonly<Record<string, string>>;
  body: string;
  /** CIDRs that may be reached although they are not public, and by plain http. */
  networks: readonly string[];
  /** Ends it early; what it throws is the signal's reason. */
  signal: AbortSignal;
  /** Milliseconds for all of it, from the look-up to the end of the answer. */
  timeout?: number;
  /** Looks a name up; the system's way unless told. */
  resolve?: (host: string) => Promise<{ address: string; family: number }>;
}

/** Why nobody answered, as a code that names no address. */
export type PostFailureCode =
  "address_unknown" | "address_refused" | "insecure" | "timeout" | "tls" | "connection";

export class PostFailure extends Error {
  readonly code: PostFailureCode;

  constructor(code: PostFailureCode, options?: ErrorOptions) {
    super(`The request to an address outside has failed: ${code}`, options);
    this.name = "PostFailure";
    this.code = code;
  }
}

const TIMEOUT = 10_000;
const MAXIMUM_HEADER_BYTES = 8192;
/** Of an answer's body, which is not looked at: more is not waited for. */
const MAXIMUM_BODY_BYTES = 65_536;
const EVERY_ADDRESS = { 4: "0.0.0.0/0", 6: "::/0" };

/**
 * Sends a POST to an address that a customer has chosen, and says with which status it was answered.
 *
 * The name is looked up once, and the connection goes to the very address that was judged, so that a name cannot become
 * another address in between. Addresses that are not public (private, loopback, link-local and everything else the IANA
 * has set apart, written as IPv6 too) are refused unless `networks` has them. Redirects are not followed.
 *
 * @throws PostFailure when there was no answer; the signal's reason when it was ended.
 */
export async function postOutside(address: string, options: OutsideRequest): Promise<{ status: number }> {
  const { signal: stop, timeout = TIMEOUT, resolve = lookup } = options;
  const patience = AbortSignal.timeout(timeout);
  const signal = AbortSignal.any([stop, patience]);
  try {
    const url = URL.parse(address);
    if (url === null) {
      throw new PostFailure("address_unknown");
    }
    const resolved = await untilAborted(resolveHost(url.hostname, resolve), signal);
    return await send(url, resolved, { ...options, signal });
  } catch (error) {
    stop.throwIfAborted();
    throw error instanceof PostFailure
      ? error
      : new PostFailure(patience.aborted ? "timeout" : codeOf(error), { cause: error });
  }
}

interface ResolvedHost {
  host: string;
  family: 4 | 6;
  address: string;
}

async function resolveHost(
  hostname: string,
  resolve: NonNullable<OutsideRequest["resolve"]>,
): Promise<ResolvedHost> {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  try {
    const { address, family } = await resolve(host);
    return { host, address, family: family === 6 ? 6 : 4 };
  } catch (cause) {
    throw new PostFailure("address_unknown", { cause });
  }
}

async function send(
  url: URL,
  { host, address, family }: ResolvedHost,
  { headers, body, networks, signal }: OutsideRequest,
): Promise<{ status: number }> {
  const allowIPAddressList = networks.filter((network) => isIP(network.split("/")[0] ?? "") === family);
  const isSecure = url.protocol === "https:";
  // Without encryption, only to networks that the operator has named.
  const denyIPAddressList = isSecure ? [] : [EVERY_ADDRESS[family]];
  const request: ClientRequest = (isSecure ? requestHttps : requestHttp)({
    agent: filteringAgent(url.protocol, { allowIPAddressList, denyIPAddressList }),
    method: "POST",
    host: address,
    family,
    port: url.port || undefined,
    path: url.pathname + url.search,
    ...(isSecure && isIP(host) === 0 && { servername: host }),
    headers: { ...headers, host: url.host, "content-length": Buffer.byteLength(body) },
    maxHeaderSize: MAXIMUM_HEADER_BYTES,
    signal,
  });
  const answered = once(request, "response", { signal });
  request.end(body);
  const [response] = (await answered) as [IncomingMessage];
  await drain(response, signal);
  return { status: response.statusCode ?? 0 };
}

/** Lets the other side finish its answer, up to a limit: what comes after the status changes nothing. */
async function drain(response: IncomingMessage, signal: AbortSignal): Promise<void> {
  let received = 0;
  try {
    for await (const chunk of response) {
      received += (chunk as Buffer).length;
      if (received > MAXIMUM_BODY_BYTES) {
        break;
      }
    }
  } catch (error) {
    if (signal.aborted) {
      throw error;
    }
  } finally {
    response.destroy();
  }
}

/** `dns.lookup` cannot be ended. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const settled = new AbortController();
  const aborted = once(signal, "abort", { signal: settled.signal }).then(() => {
    throw signal.reason;
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    settled.abort();
    aborted.catch(() => undefined);
  }
}

function codeOf(error: unknown): PostFailureCode {
  const { message, code = "" } = error as NodeJS.ErrnoException;
  if (message.includes("is not allowed. Because It is defined in denyIPAddressList")) {
    return "insecure";
  }
  if (message.includes("is not allowed. Because")) {
    return "address_refused";
  }
  return /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|EPROTO)/.test(code) ? "tls" : "connection";
}
