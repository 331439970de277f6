import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import type { Pool } from "pg";

import type { Actor } from "../support/database.ts";
import type { GraphqlAnswer, TestGateway } from "../support/graphql.ts";
import type { Written } from "./DocumentWriter.ts";

/** Everything that a request leaves: what its client sees, and what is on record. */
export interface Outcome {
  status: number;
  headers: Record<string, string>;
  text: string;
  events: unknown[];
}

export interface Person {
  name: string;
  actor: Actor | null;
  headers?: Record<string, string>;
}

/** Of time, and of what the process has served before. */
const PASSING_HEADERS = new Set([
  "date",
  "x-request-id",
  "ratelimit-remaining",
  "ratelimit-reset",
  "connection",
  "keep-alive",
]);
/** Of the event itself, and not of what it tells. */
const OWN_COLUMNS = ["id", "occurred_at", "transaction_id", "request_id", "timeline", "row_hash"];

/** Milliseconds: a refusal is put on record in a while, its answer may have left before. */
const PATIENCE = 5_000;
const PAUSE = 50;

/** What becomes of a document at a gateway that compiles it and at one that plans it; null where it is the same. */
export async function differenceOf(
  [one, other]: readonly [TestGateway, TestGateway],
  superuser: Pool,
  request: { person: Person; document: Written },
): Promise<{ received: Outcome; expected: Outcome } | null> {
  const [received, expected] = await Promise.all([askAt(one, request), askAt(other, request)]);
  const end = performance.now() + PATIENCE;
  for (;;) {
    const outcomes = {
      received: { ...received.outcome, events: await eventsOf(superuser, received.requestId) },
      expected: { ...expected.outcome, events: await eventsOf(superuser, expected.requestId) },
    };
    if (isDeepStrictEqual(outcomes.received, outcomes.expected)) {
      return null;
    }
    if (performance.now() > end || received.outcome.text !== expected.outcome.text) {
      return outcomes;
    }
    await sleep(PAUSE);
  }
}

async function askAt(api: TestGateway, { person, document }: { person: Person; document: Written }) {
  const { query, variables } = document;
  const answer = await api.query(person.actor, query, { variables, headers: { ...person.headers } });
  const requestId = answer.headers.get("x-request-id") ?? "";
  const text = answer.text.replaceAll(requestId, "the request's id");
  return { requestId, outcome: { status: answer.status, headers: standingHeaders(answer), text } };
}

function standingHeaders({ headers, text }: GraphqlAnswer): Record<string, string> {
  const standing = [...headers].filter(([name]) => !PASSING_HEADERS.has(name));
  return { ...Object.fromEntries(standing), bytes: String(Buffer.byteLength(text)) };
}

/** What a request read and tried. Whom an event tells of is a set, and events of different organizations have no order among themselves. */
async function eventsOf(superuser: Pool, requestId: string): Promise<unknown[]> {
  const { rows } = await superuser.query<{
    event: Record<string, unknown> & { patient_ids: string[] | null };
  }>(
    "select to_jsonb(e) - $2::text[] as event from app_audit.events e where e.request_id = $1 and e.command in ('SELECT', 'ATTEMPT')",
    [requestId, OWN_COLUMNS],
  );
  const events = rows.map(({ event }) => ({ ...event, patient_ids: [...(event.patient_ids ?? [])].sort() }));
  return events.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

const SERIES = /^bailiwick_compiled_reads_total\{result="(\w+)"\} (\d+)/gm;

/** How many queries were compiled so far, and how many were not for which reason. */
export async function readOutcomes({ gateway }: TestGateway): Promise<Record<string, number>> {
  const response = await fetch(new URL("/metrics", gateway.adminUrl));
  const matches = [...(await response.text()).matchAll(SERIES)];
  return Object.fromEntries(matches.map(([, result = "", count]) => [result, Number(count)]));
}
