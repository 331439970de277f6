import cluster, { type Worker } from "node:cluster";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import type { Logger } from "pino";
import { AggregatorRegistry } from "prom-client";

import type { HttpConfig } from "../config.ts";
import { type Readiness, serveAdminAnswers } from "../http/adminServer.ts";
import { listen } from "../http/listen.ts";
import type { ProcessAnswers, Report, Topic } from "./ProcessAnswers.ts";

/** Milliseconds that a process has for an answer; one that has none is not ready. */
const PATIENCE = 3_000;
/** Milliseconds before a process that has ended is replaced; doubled for each that ended before it served. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;

type Answering = (report: Extract<Report, { id: number }>) => void;

interface Child {
  worker: Worker;
  waiting: Map<number, Answering>;
  isServing: boolean;
}

/**
 * Runs as many copies of this process as are configured, which share its port, and answers on the one `ADMIN_PORT` for all
 * of them. One that ends is replaced; when `stopped` says so, all of them stop in order.
 *
 * @throws when one of the first of them cannot start; it has said why.
 */
export async function superviseGateways(
  { host, port, adminPort, processes }: HttpConfig,
  logger: Logger,
  stopped: Promise<NodeJS.Signals>,
): Promise<void> {
  const gateways = new GatewayProcesses(processes, await findPort(host, port), logger);
  const admin = await serveAdminAnswers(
    { host, port: adminPort },
    { readiness: () => gateways.readiness(), metrics: () => gateways.metrics() },
  );
  try {
    const started = gateways.start();
    const url = await Promise.race([started, stopped.then(() => null)]);
    if (url !== null) {
      logger.info({ url, adminUrl: admin.url, processes }, "The gateway serves");
    }
    logger.info({ signal: await stopped }, "The gateway stops");
  } finally {
    await gateways.stop();
    await admin.close();
  }
}

/** Refuses a port that is taken: those who share one would take each other's requests. */
async function findPort(host: string, port: number): Promise<string> {
  const { url, close } = await listen(createServer(), { host, port });
  await close();
  return new URL(url).port || String(port);
}

class GatewayProcesses {
  readonly #size: number;
  readonly #port: string;
  readonly #logger: Logger;
  readonly #children = new Set<Child>();
  readonly #everyone = Promise.withResolvers<string>();
  #url: string | null = null;
  #isStopping = false;
  #failures = 0;
  #lastQuestion = 0;

  constructor(size: number, port: string, logger: Logger) {
    this.#size = size;
    this.#port = port;
    this.#logger = logger;
  }

  /** Resolves with their address when all of them serve. */
  start(): Promise<string> {
    for (let count = 0; count < this.#size; count++) {
      this.#fork();
    }
    return this.#everyone.promise;
  }

  /** Resolves when all have ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const ends = [...this.#children].map(({ worker }) => {
      const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
      worker.process.kill("SIGTERM");
      return ended;
    });
    await Promise.all(ends);
  }

  /** Ready when all are; a check that one fails is failed. */
  async readiness(): Promise<Readiness> {
    const answers = await this.#askAll("readiness");
    const checks: Record<string, boolean> = {
      serving: !this.#isStopping,
      processes: this.#url !== null && answers.length === this.#size && !answers.includes(null),
    };
    for (const answer of answers) {
      for (const [name, passed] of Object.entries(answer?.checks ?? {})) {
        checks[name] = passed && (checks[name] ?? true);
      }
    }
    const isReady =
      !this.#isStopping && checks.processes === true && answers.every((answer) => answer?.ready);
    return { ready: isReady, checks };
  }

  /** As of one process: counts are added up. */
  async metrics(): Promise<string> {
    const answers = await this.#askAll("metrics");
    const known = answers.filter((answer) => answer !== null);
    return AggregatorRegistry.aggregate(known).metrics();
  }

  #askAll<T extends Topic>(topic: T): Promise<(ProcessAnswers[T] | null)[]> {
    return Promise.all([...this.#children].map((child) => this.#ask(child, topic)));
  }

  #ask<T extends Topic>({ worker, waiting }: Child, topic: T): Promise<ProcessAnswers[T] | null> {
    const id = ++this.#lastQuestion;
    const { promise, resolve } = Promise.withResolvers<ProcessAnswers[T] | null>();
    const timer = setTimeout(() => resolve(null), PATIENCE);
    waiting.set(id, ({ answer }) => resolve(answer as ProcessAnswers[T] | null));
    if (worker.isConnected()) {
      worker.send({ id, topic });
    } else {
      resolve(null);
    }
    return promise.finally(() => {
      clearTimeout(timer);
      waiting.delete(id);
    });
  }

  #fork(): void {
    const worker = cluster.fork({ PORT: this.#port });
    const child: Child = { worker, waiting: new Map(), isServing: false };
    this.#children.add(child);
    // A question that meets its end is answered by that.
    worker.on("error", () => undefined);
    worker.on("message", (report: Report) => {
      if (report.id !== undefined) {
        child.waiting.get(report.id)?.(report);
        return;
      }
      child.isServing = true;
      this.#failures = 0;
      if ([...this.#children].filter(({ isServing }) => isServing).length === this.#size) {
        this.#url = report.serving;
        this.#everyone.resolve(report.serving);
      }
    });
    worker.once("exit", (code, signal) => void this.#replace(child, code, signal));
  }

  async #replace(child: Child, code: number | null, signal: string | null): Promise<void> {
    this.#children.delete(child);
    child.waiting.forEach((answer) => answer({ id: 0, answer: null }));
    if (this.#isStopping) {
      return;
    }
    if (this.#url === null) {
      this.#everyone.reject(new Error(`A gateway process could not start (exit ${code ?? signal})`));
      return;
    }
    this.#logger.error({ code, signal }, "A gateway process has ended; it is replaced");
    if (!child.isServing) {
      this.#failures++;
      await sleep(Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures));
    }
    if (!this.#isStopping) {
      this.#fork();
    }
  }
}
