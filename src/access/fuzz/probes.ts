import { fingerprint, withoutEcho, withoutNews, withSortedGroups } from "./answers.ts";
import type { Caller, Variables } from "./openApi.ts";
import type { FuzzRequest } from "./RequestWriter.ts";
import { foreignValue, ownValue, type Sources, strangeValue } from "./sources.ts";
import { fill, type ValuePool } from "./ValuePool.ts";
import { forEachAtOnce, type Walk } from "./Walk.ts";

/** One request with its variables, and everybody who sends it: one after the other, so that it is planned once. */
export interface Probe {
  request: FuzzRequest;
  variables: Variables;
  callers: readonly Caller[];
  /** In the foreign ids' place, what nobody has; for requests that lead to one thing by its id. */
  strange?: Variables;
}

/** Asks as one side's own people, and keeps the ids, cursors and values of their answers. */
export async function harvest(
  requests: readonly FuzzRequest[],
  pool: ValuePool,
  sources: Sources,
  ask: (request: FuzzRequest, variables: Variables) => Promise<unknown[]>,
  onDone?: () => void,
): Promise<void> {
  await forEachAtOnce(
    requests,
    async (request) => {
      const variables = fill(request, (subject) => pool.find(subject) ?? sources.madeUp.instead(subject));
      pool.take(await ask(request, variables));
    },
    onDone,
  );
}

/** Every request with something foreign in each place where it takes an id, a cursor or a value. */
export function foreignProbes(
  requests: readonly FuzzRequest[],
  callers: readonly Caller[],
  sources: Sources,
): Probe[] {
  return requests.map((request) => ({
    request,
    callers,
    variables: fill(request, (subject) => foreignValue(sources, subject)),
    ...(request.isComparable &&
      request.slots.length > 0 && { strange: fill(request, (subject) => strangeValue(sources, subject)) }),
  }));
}

/** Every request with something foreign in one place only, and with own things in all others: for each place. */
export function mixedProbes(
  requests: readonly FuzzRequest[],
  callers: readonly Caller[],
  sources: Sources,
): Probe[] {
  return requests
    .filter(({ slots }) => slots.length > 1)
    .flatMap((request) =>
      request.slots.map((_slot, place) => ({
        request,
        callers,
        variables: fill(request, (subject, index) =>
          (index === place ? foreignValue : ownValue)(sources, subject),
        ),
      })),
    );
}

export interface Answers {
  /** What each caller was answered to each probe. */
  texts: Map<string, string>;
  /** Probes by which somebody would have changed something, had it not been undone. */
  changing: Set<Probe>;
}

/** Sends the probes as outsiders, whose answers may hold nothing foreign. */
export async function sendProbes(walk: Walk, probes: readonly Probe[], onDone: () => void): Promise<Answers> {
  const answers: Answers = { texts: new Map(), changing: new Set() };
  await forEachAtOnce(
    probes,
    async (probe, index) => {
      const { request, variables, callers, strange } = probe;
      const isChange = request.operation === "mutation";
      for (const caller of callers) {
        const { text, digests } = await walk.askAsOutsider(caller, request, variables);
        answers.texts.set(
          `${index}\n${caller.name}`,
          fingerprint(isChange ? withoutNews(text) : withSortedGroups(text)),
        );
        if (digests.length > 0) {
          answers.changing.add(probe);
        }
        if (strange) {
          const other = await walk.askAsOutsider(caller, request, strange);
          compare(walk, caller, request, [withoutEcho(text, variables), withoutEcho(other.text, strange)]);
        }
      }
    },
    onDone,
  );
  return answers;
}

function compare(walk: Walk, { name }: Caller, request: FuzzRequest, texts: readonly [string, string]): void {
  const [foreign, strange] = request.operation === "mutation" ? texts.map(withoutNews) : texts;
  if (foreign !== strange) {
    walk.report({
      kind: "difference",
      field: request.title,
      person: name,
      detail: "answers differently for something foreign than for something that nobody has",
    });
  }
}

/** Reports every answer that was another one while the foreign tenant had rows: by a count, an order, a sum, an error. */
export function reportTraces(
  walk: Walk,
  probes: readonly Probe[],
  [before, after]: readonly [Answers, Answers],
): void {
  for (const [key, print] of before.texts) {
    if (after.texts.get(key) !== print) {
      const [index, person = ""] = key.split("\n");
      walk.report({
        kind: "trace",
        field: probes[Number(index)]?.request.title ?? "",
        person,
        detail: "answers differently once the foreign tenant's rows are gone",
      });
    }
  }
}
