import { createServer } from "node:http";

import { listen, type Listening } from "./listen.ts";

/** A condition for being ready; false or an error means not ready. */
export type ReadinessCheck = () => Promise<boolean>;

export interface ReadinessDependencies {
  /** False once the process has been told to stop: it is then not ready, whatever the checks say. */
  isServing?: () => boolean;
  checks: Readonly<Record<string, ReadinessCheck>>;
  /** Names of checks whose failure is told, but leaves the process ready. */
  advisory?: readonly string[];
}

export interface AdminDependencies extends ReadinessDependencies {
  /** What `/metrics` says, as Prometheus reads it. */
  metrics: () => Promise<string>;
}

export interface Readiness {
  ready: boolean;
  checks: Readonly<Record<string, boolean>>;
}

export interface AdminAnswers {
  readiness: () => Promise<Readiness>;
  metrics: () => Promise<string>;
}

interface Address {
  host: string;
  port: number;
}

interface Answer {
  status: number;
  type: "application/json" | "text/plain; version=0.0.4; charset=utf-8";
  body: string;
}

const CHECK_TIMEOUT = 2000;
/** For so long a check that is slow, on a machine that is busy, counts as what it was. */
const GRACE = 10_000;

/**
 * Serves `/live` (the process answers), `/ready` (it can do its work: 200, else 503; either way with each check's result) and
 * `/metrics` on a port of its own, which stays inside the deployment. None says why: that is in the log.
 */
export async function startAdminServer(
  address: Address,
  { metrics, ...dependencies }: AdminDependencies,
): Promise<Listening> {
  return serveAdminAnswers(address, { readiness: makeReadiness(dependencies), metrics });
}

/** The same, with answers from wherever. */
export function serveAdminAnswers(address: Address, answers: AdminAnswers): Promise<Listening> {
  const server = createServer(async (request, response) => {
    const { status, type, body } = await respond(request.method ?? "", request.url ?? "", answers).catch(() =>
      json(500, { error: "It could not be found out." }),
    );
    response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  return listen(server, address);
}

async function respond(method: string, url: string, { readiness, metrics }: AdminAnswers): Promise<Answer> {
  if (method !== "GET" && method !== "HEAD") {
    return json(405, { error: "Only GET is accepted here." });
  }
  switch (url) {
    case "/live":
      return json(200, { live: true });
    case "/ready":
      return readiness().then((answer) => json(answer.ready ? 200 : 503, answer));
    case "/metrics":
      return {
        status: 200,
        type: "text/plain; version=0.0.4; charset=utf-8",
        body: await metrics(),
      };
    default:
      return json(404, { error: "There is /live, /ready and /metrics here." });
  }
}

/** Asks every check, as patiently as a busy machine needs it. */
export function makeReadiness({
  checks,
  advisory = [],
  isServing = () => true,
}: ReadinessDependencies): () => Promise<Readiness> {
  const patient = Object.entries(checks).map(([name, check]) => [name, makePatient(check)] as const);
  return async () => {
    const results = isServing()
      ? await Promise.all(patient.map(async ([name, check]) => [name, await check()] as const))
      : [];
    // Asked again: a probe must not bring good news that are older than the end.
    const all = [["serving", isServing()] as const, ...results];
    const ready = all.every(([name, passed]) => passed || advisory.includes(name));
    return { ready, checks: Object.fromEntries(all) };
  };
}

function json(status: number, body: object): Answer {
  return { status, type: "application/json", body: JSON.stringify(body) };
}

/**
 * The same check, which never takes longer than two seconds, runs once at a time, and is never an error. One that is merely
 * slow counts as passed if it has passed a moment ago: a busy machine is no reason to take it out of service.
 */
function makePatient(check: ReadinessCheck): ReadinessCheck {
  let passedAt = -Infinity;
  let running: Promise<boolean> | undefined;
  const run = () =>
    (running ??= check()
      .then(
        (passed) => {
          passedAt = passed ? performance.now() : -Infinity;
          return passed;
        },
        () => false,
      )
      .finally(() => (running = undefined)));
  return () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(performance.now() - passedAt < GRACE), CHECK_TIMEOUT);
    void run().then(resolve);
    return promise.finally(() => clearTimeout(timer));
  };
}
