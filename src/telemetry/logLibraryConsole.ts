import type { Logger } from "pino";

import { currentRequestContext } from "../http/requestContext.ts";

const CALLS = ["debug", "dir", "error", "info", "log", "table", "trace", "warn"] as const;
const PACKAGE = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;
/** Names in code that was made from a document may be the client's. */
const MADE_CODE = /\beval at\b|<anonymous>:/;
const FUNCTION = /^\s+at (?:async )?([\w.$]{1,80}) (?:\[as [^\]]*\] )?\(/;

/** Several gateways may run in one process; the last one's log is written to. */
const loggers: Logger[] = [];
let takeBack = () => undefined as void;

/**
 * Libraries write warnings to the console as they please: past the log and its level, with what the client sent in them. As
 * long as a gateway runs, each becomes a line that says which library it was, and has none of its text. What this project's
 * own commands write is left alone.
 *
 * @returns what ends it.
 */
export function logLibraryConsole(logger: Logger): () => Promise<void> {
  if (loggers.push(logger) === 1) {
    takeBack = replaceCalls();
  }
  return async () => {
    loggers.splice(loggers.indexOf(logger), 1);
    if (loggers.length === 0) {
      takeBack();
    }
  };
}

function replaceCalls(): () => void {
  // The linter's rule is against writing to it, which is what this is against, too.
  const target = globalThis.console;
  const originals = CALLS.map((call) => [call, target[call]] as const);
  for (const [call, original] of originals) {
    const replacement = (...parts: unknown[]) => {
      const caller = callerOf(replacement);
      if (caller === null) {
        Reflect.apply(original, target, parts);
        return;
      }
      const requestId = currentRequestContext()?.requestId;
      loggers.at(-1)?.warn({ ...caller, call, requestId }, "A library wrote to the console");
    };
    target[call] = replacement;
  }
  return () => {
    for (const [call, original] of originals) {
      target[call] = original;
    }
  };
}

/** The library that called a function, as far as the stack tells; null where it was this project. */
function callerOf(called: () => void): { library?: string; function?: string } | null {
  const holder = { stack: "" };
  Error.captureStackTrace(holder, called);
  const frames = holder.stack.split("\n").filter((line) => /^\s+at /.test(line));
  // Node's own stand between where a callback or a trace leads here.
  const frame = frames.find((line) => !/\bnode:/.test(line));
  const library = frame && PACKAGE.exec(frame)?.[1];
  if (frame && !library) {
    return null;
  }
  return frame && !MADE_CODE.test(frame) ? { library, function: FUNCTION.exec(frame)?.[1] } : { library };
}
