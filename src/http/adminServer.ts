import { createServer } from "node:http";

import { listen, type Listening } from "./listen.ts";

/** A condition for being ready; false or an error means not ready. */
export type ReadinessCheck = () => Promise<boolean>;

const CHECK_TIMEOUT = 2000;

/**
 * Serves `/live` (the process answers) and `/ready` (it can do its work: 200, else 503 with the names of the failed
 * checks) on a port of its own, which stays inside the deployment. Neither says why: that is in the log.
 */
export async function startAdminServer(
  address: { host: string; port: number },
  checks: Readonly<Record<string, ReadinessCheck>>,
): Promise<Listening> {
  const server = createServer(async (request, response) => {
    const answer = await respond(request.method ?? "", request.url ?? "", checks);
    response.writeHead(answer.status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : JSON.stringify(answer.body));
  });
  return listen(server, address);
}

async function respond(
  method: string,
  url: string,
  checks: Readonly<Record<string, ReadinessCheck>>,
): Promise<{ status: number; body: object }> {
  if (method !== "GET" && method !== "HEAD") {
    return { status: 405, body: { error: "Only GET is accepted here." } };
  }
  if (url === "/live") {
    return { status: 200, body: { live: true } };
  }
  if (url === "/ready") {
    const results = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => [name, await passes(check)] as const),
    );
    const isReady = results.every(([, passed]) => passed);
    return { status: isReady ? 200 : 503, body: { ready: isReady, checks: Object.fromEntries(results) } };
  }
  return { status: 404, body: { error: "There is /live and /ready here." } };
}

async function passes(check: ReadinessCheck): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), CHECK_TIMEOUT);
  check().then(resolve, () => resolve(false));
  return promise.finally(() => clearTimeout(timer));
}
