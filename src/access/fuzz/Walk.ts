import { ACCEPTED_TRACES } from "./accepted.ts";
import { markersIn } from "./canaries.ts";
import { itemsOfRequest } from "./coverage.ts";
import { type Finding, leaksIn, type Secrets } from "./Findings.ts";
import { type Answer, type Api, type Caller, CONCURRENCY, type Variables } from "./openApi.ts";
import type { FuzzRequest } from "./RequestWriter.ts";
import { fieldOfAlias } from "./RequestWriter.ts";

/** Keeps what a walk has asked, seen and found. */
export class Walk {
  readonly api: Api;
  readonly secrets: Secrets;
  readonly signal: AbortSignal | undefined;
  requests = 0;
  readonly findings = new Map<string, Finding>();
  /** Fields of the accepted traces that did occur. */
  readonly accepted = new Set<string>();
  /** Items of the schema that some outsider's request has named and that were executed. */
  readonly executed = new Set<string>();
  /** Fields in which the foreign tenant's own people got a value. */
  readonly reached = new Set<string>();
  /** Markers that the foreign tenant's own people were shown. */
  readonly seen = new Set<string>();
  /** Codes with which the foreign tenant's own people were refused, by the request's title. */
  readonly refusals = new Map<string, Set<string>>();
  readonly #items = new Map<FuzzRequest, string[]>();
  #digest: Record<string, string>;

  constructor(api: Api, secrets: Secrets, digest: Record<string, string>, signal?: AbortSignal) {
    this.api = api;
    this.secrets = secrets;
    this.signal = signal;
    this.#digest = digest;
  }

  /** Asks as somebody who may learn nothing of the foreign tenant. */
  async askAsOutsider(caller: Caller, request: FuzzRequest, variables: Variables): Promise<Answer> {
    const answer = await this.#ask(caller, request, variables);
    leaksIn(answer, request, variables, caller, this.secrets).forEach((finding) => this.report(finding));
    for (const table of answer.digests.flatMap((digest) => this.#changedTables(digest))) {
      this.report({
        kind: "write",
        field: request.title,
        person: caller.name,
        detail: `changed foreign rows of ${table}`,
      });
    }
    this.#noteExecution(request, answer);
    return answer;
  }

  /** Asks as one of the foreign tenant's own people. */
  async askAsInsider(caller: Caller, request: FuzzRequest, variables: Variables): Promise<Answer> {
    const answer = await this.#ask(caller, request, variables);
    markersIn(answer.text).forEach((marker) => this.seen.add(marker));
    noteReached(answer.data, this.reached);
    const codes = this.refusals.get(request.title) ?? new Set();
    this.refusals.set(request.title, codes);
    answer.codes.forEach((code) => codes.add(code));
    return answer;
  }

  /** From now on this is how the foreign rows are to stay: somebody else has changed them. */
  expectDigest(digest: Record<string, string>): void {
    this.#digest = digest;
  }

  report(finding: Finding): void {
    if ((finding.kind === "trace" || finding.kind === "difference") && finding.field in ACCEPTED_TRACES) {
      this.accepted.add(finding.field);
      return;
    }
    const key = `${finding.kind} ${finding.field} ${finding.person} ${finding.detail}`;
    this.findings.set(key, finding);
  }

  /** A request counts for what it names, once it was executed: a mistake of the walk is no probe. */
  noteItems(request: FuzzRequest): void {
    this.itemsOf(request).forEach((item) => this.executed.add(item));
  }

  itemsOf(request: FuzzRequest): string[] {
    const known = this.#items.get(request) ?? itemsOfRequest(this.api.schema, request);
    this.#items.set(request, known);
    return known;
  }

  async #ask(caller: Caller, request: FuzzRequest, variables: Variables): Promise<Answer> {
    this.signal?.throwIfAborted();
    this.requests += 1;
    return this.api.ask(caller, request, variables);
  }

  #noteExecution(request: FuzzRequest, { data, codes }: Answer): void {
    if (codes.includes("INTERNAL")) {
      this.report({
        kind: "failure",
        field: request.title,
        person: "",
        detail: "fails with INTERNAL: what is behind it was not tried",
      });
    }
    if (data !== undefined) {
      this.noteItems(request);
    }
  }

  #changedTables(digest: Record<string, string>): string[] {
    return Object.keys(digest).filter((table) => digest[table] !== this.#digest[table]);
  }
}

function noteReached(data: unknown, reached: Set<string>): void {
  if (Array.isArray(data)) {
    data.forEach((each) => noteReached(each, reached));
  } else if (typeof data === "object" && data !== null) {
    const { __typename: type, ...fields } = data as Record<string, unknown>;
    for (const [key, value] of Object.entries(fields)) {
      if (value !== null && !(Array.isArray(value) && value.length === 0)) {
        reached.add(`${String(type)}.${fieldOfAlias(key)}`);
      }
      noteReached(value, reached);
    }
  }
}

/** Does something with each of many things, a few at a time. */
export async function forEachAtOnce<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
  onDone: () => void = () => undefined,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) {
      await work(items[index]!, index);
      onDone();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}
