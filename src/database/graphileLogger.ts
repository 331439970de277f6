import { Logger as MigrateLogger } from "graphile-migrate";
import { Logger as WorkerLogger } from "graphile-worker";
import type { Logger } from "pino";

import { redactText } from "../errors/redactError.ts";

const LEVELS = { error: "error", warning: "warn", info: "info", debug: "debug" } as const;

/**
 * Our logger as graphile-worker takes it; its routine messages ("Worker connected …") become debug messages. It quotes
 * the errors of failed jobs, which may quote data.
 */
export function makeWorkerLogger(logger: Logger): WorkerLogger {
  return new WorkerLogger(logFactory(logger, { info: "debug" }, redactText));
}

/**
 * Our logger as graphile-migrate takes it. An error is not logged: it is thrown as well, and whoever catches it says
 * it better (see describeSqlError).
 *
 * @param onMessage hears every message before the log does.
 */
export function makeMigrateLogger(
  logger: Logger,
  onMessage: (message: string) => void = () => undefined,
): MigrateLogger {
  const factory = logFactory(logger, { error: "debug" });
  return new MigrateLogger((scope) => {
    const log = factory(scope);
    return (level, message) => {
      onMessage(message);
      log(level, message);
    };
  });
}

/** The two libraries bring two versions of one logging package, whose levels are the same words. */
function logFactory(
  logger: Logger,
  changed: Partial<Record<keyof typeof LEVELS, "debug">>,
  edit: (message: string) => string = (message) => message,
) {
  const levels = { ...LEVELS, ...changed };
  return (scope: object) => (level: `${keyof typeof LEVELS}`, message: string) => {
    logger[levels[level]]({ ...scope }, level === "error" ? edit(message.trim()) : message.trim());
  };
}
