import { createServer } from "node:http";

import { listen, type Listening } from "./listen.ts";

/** A condition for being ready; false or an error means not ready. */
export type ReadinessCheck = () => Promise<boolean>;

export interface AdminDependencies {
  checks: Readonly<Record<string, ReadinessCheck>>;
  /** Names of checks whose failure is told, but leaves the process ready. */
  advisory?: readonly string[];
  /** What `/metrics` says, as Prometheus reads it. */
  metrics: () => Promise<string>;
}

interface Answer {
  status: number;
  type: "application/json" | "text/plain; version=0.0.4; charset=utf-8";
  body: string;
}

const CHECK_TIMEOUT = 2000;

/**
 * Serves `/live` (the process answers), `/ready` (it can do its work: 200, else 503; either way with each check's result) and
 * `/metrics` on a port of its own, which stays inside the deployment. None says why: that is in the log.
 */
export async function startAdminServer(
  address: { host: string; port: number },
  dependencies: AdminDependencies,
): Promise<Listening> {
  const server = createServer(async (request, response) => {
    const { status, type, body } = await respond(request.method ?? "", request.url ?? "", dependencies).catch(
      () => json(500, { error: "It could not be found out." }),
    );
    response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  return listen(server, address);
}

async function respond(method: string, url: string, dependencies: AdminDependencies): Promise<Answer> {
  if (method !== "GET" && method !== "HEAD") {
    return json(405, { error: "Only GET is accepted here." });
  }
  switch (url) {
    case "/live":
      return json(200, { live: true });
    case "/ready":
      return readiness(dependencies);
    case "/metrics":
      return {
        status: 200,
        type: "text/plain; version=0.0.4; charset=utf-8",
        body: await dependencies.metrics(),
      };
    default:
      return json(404, { error: "There is /live, /ready and /metrics here." });
  }
}

async function readiness({ checks, advisory = [] }: AdminDependencies): Promise<Answer> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await passes(check)] as const),
  );
  const isReady = results.every(([name, passed]) => passed || advisory.includes(name));
  return json(isReady ? 200 : 503, { ready: isReady, checks: Object.fromEntries(results) });
}

function json(status: number, body: object): Answer {
  return { status, type: "application/json", body: JSON.stringify(body) };
}

async function passes(check: ReadinessCheck): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), CHECK_TIMEOUT);
  check().then(resolve, () => resolve(false));
  return promise.finally(() => clearTimeout(timer));
}
