import { type Logger, pino } from "pino";
import pretty from "pino-pretty";

import type { Config } from "./config.ts";
import { redactError } from "./errors/redactError.ts";

/** Headers and fields that hold a credential; they never reach a log line, wherever they are nested. */
const SECRET_FIELDS = [
  "authorization",
  "cookie",
  "password",
  "token",
  "accessToken",
  "refreshToken",
  "refresh_token",
];
const REDACTED_PATHS = SECRET_FIELDS.flatMap((field) => [
  field,
  `*.${field}`,
  `*.*.${field}`,
  `*.*.*.${field}`,
]);

/**
 * The logger of a process; scopes are its children (`logger.child({ scope: "worker" })`).
 * Production writes JSON lines on stdout, development readable lines on stderr, so that stdout stays the command's own.
 */
export function makeLogger(config: Pick<Config, "environment" | "log">): Logger {
  const options = {
    level: config.log.level,
    redact: { paths: REDACTED_PATHS, censor: "[redacted]" },
    // Postgres' errors quote rows, and the driver hangs the whole connection on them.
    serializers: { err: (error: unknown) => redactError(error) },
  };
  if (config.environment === "production") {
    return pino(options);
  }
  // As a stream and not as a transport: a transport's thread loses the last lines when the process ends.
  const stream = pretty({
    destination: 2,
    sync: true,
    ignore: "pid,hostname",
    translateTime: "SYS:HH:MM:ss",
  });
  return pino(options, stream);
}
