import { Writable } from "node:stream";

import { pino } from "pino";

import { signToken } from "../../auth/signToken.ts";
import type { PreparedDatabase } from "../../database/prepareDatabase.ts";
import { type RunningGateway, startGateway } from "../../gateway.ts";
import { markersIn } from "./canaries.ts";
import { leaksIn } from "./Findings.ts";
import type { Caller, Variables } from "./openApi.ts";
import type { Probe } from "./probes.ts";
import type { FuzzRequest } from "./RequestWriter.ts";
import type { Walk } from "./Walk.ts";

/** A gateway that serves on a port of its own and whose log is kept. */
export interface LoggedGateway {
  gateway: RunningGateway;
  /** What it has logged since the last time somebody asked. */
  takeLog(): string;
}

/** Starts the real gateway, which checks its database like any other, with a log that leaves nothing out. */
export async function startLoggedGateway({ config, urls }: PreparedDatabase): Promise<LoggedGateway> {
  let lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const logger = pino({ level: "trace" }, stream);
  const onFreePorts = { ...config, http: { ...config.http, port: 0, adminPort: 0 } };
  return {
    gateway: await startGateway(onFreePorts, { url: urls.gateway, logger }),
    takeLog() {
      const taken = lines.join("");
      lines = [];
      return taken;
    },
  };
}

export function authorizationOf({ config }: PreparedDatabase, { actor }: Caller): Record<string, string> {
  return actor ? { authorization: `Bearer ${signToken(config.auth, actor)}` } : {};
}

/**
 * Shows everybody's token once: that it was used from here goes on record as the person's own, and must not come between two
 * answers that are compared.
 */
export async function introduce(
  database: PreparedDatabase,
  { gateway }: LoggedGateway,
  callers: readonly Caller[],
): Promise<void> {
  for (const caller of callers) {
    const { ok } = await fetch(new URL("graphql", gateway.url), {
      method: "POST",
      headers: { "content-type": "application/json", ...authorizationOf(database, caller) },
      body: JSON.stringify({ query: "{ __typename }" }),
    });
    if (!ok) {
      throw new Error(`The gateway does not let ${caller.name} in.`);
    }
  }
}

/** Sends probes through a socket: what is true of the API must be true of the server and of its log. */
export async function probeOverHttp(
  walk: Walk,
  database: PreparedDatabase,
  { gateway, takeLog }: LoggedGateway,
  probes: readonly Probe[],
  onDone: () => void,
): Promise<void> {
  for (const { request, variables, callers } of probes) {
    for (const caller of callers) {
      walk.signal?.throwIfAborted();
      walk.requests += 1;
      const text = await post(gateway, caller, request, variables, authorizationOf(database, caller));
      const found = leaksIn({ data: dataOf(text), text }, request, variables, caller, walk.secrets);
      found.forEach((finding) => walk.report(finding));
      reportLog(walk, takeLog(), request.title, caller.name);
    }
    onDone();
  }
}

/** A log may name requests and rows, and holds nothing of what is in them, whoever asked. */
export function reportLog(walk: Walk, log: string, field: string, person: string): void {
  for (const marker of markersIn(log)) {
    const canary = walk.secrets.canaries.get(marker);
    if (canary) {
      walk.report({ kind: "log", field, person, detail: `the log holds ${canary.column}` });
    }
  }
}

/** @returns status, headers and body of the answer, as they came. */
async function post(
  gateway: RunningGateway,
  caller: Caller,
  { text: query }: FuzzRequest,
  variables: Variables,
  authorization: Record<string, string>,
): Promise<string> {
  const response = await fetch(new URL("graphql", gateway.url), {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization, ...caller.headers },
    body: JSON.stringify({ query, variables }),
  });
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  return [...headers, await response.text()].join("\n");
}

function dataOf(text: string): unknown {
  try {
    return (JSON.parse(text.slice(text.lastIndexOf("\n") + 1)) as { data?: unknown }).data;
  } catch {
    return undefined;
  }
}
