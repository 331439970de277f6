import type { AccessFact } from "./accessFacts.ts";

/** What a change does to those it is about. CHANGES: code whose effect only the sample and a reader can tell. */
export type Effect = "WIDENS" | "NARROWS" | "BREAKS" | "CHANGES";

export interface AccessChange {
  effect: Effect;
  role: string;
  /** A table, view, function, schema or role; for the API a type or field. */
  object: string;
  command: string;
  detail: string;
}

/** Splits an expression into its arms, as app_hidden.expression_arms() does. */
export type SplitExpression = (expression: string) => { connective: "and" | "or" | null; arms: string[] };

const OPPOSITE = { WIDENS: "NARROWS", NARROWS: "WIDENS" } as const;

/** What the presence of a fact does; of code, neither. */
function effectOf(kind: AccessFact["kind"]): "WIDENS" | "NARROWS" {
  return kind === "restrictive policy" || kind === "row security" ? "NARROWS" : "WIDENS";
}

/** What became of who may do what between two catalogues. */
export function compareFacts(base: AccessFact[], now: AccessFact[], split: SplitExpression): AccessChange[] {
  const gone = without(base, now);
  const added = without(now, base);
  const changes: AccessChange[] = [];
  const replaced = new Set<AccessFact>();
  for (const fact of added) {
    const old = gone.find((other) => keyOf(other) === keyOf(fact));
    if (old) {
      replaced.add(old);
      changes.push(describeReplacement(old, fact, split));
    } else if (fact.kind !== "code") {
      changes.push(describe(fact, effectOf(fact.kind), "new"));
    }
  }
  for (const fact of gone) {
    if (!replaced.has(fact) && fact.kind !== "code") {
      changes.push(describe(fact, OPPOSITE[effectOf(fact.kind)], "gone"));
    }
  }
  // Nothing can narrow what was not there, nor widen what is gone.
  const objectsOf = (facts: AccessFact[]) => new Set(facts.map(({ object }) => object));
  const [before, after] = [objectsOf(base), objectsOf(now)];
  return mergeColumns(
    changes.filter(
      ({ effect, object }) =>
        (before.has(object) || effect !== "NARROWS") && (after.has(object) || effect !== "WIDENS"),
    ),
  );
}

/** Facts of one side that the other lacks. A policy that only has another name is the same policy. */
function without(facts: AccessFact[], others: AccessFact[]): AccessFact[] {
  const known = new Set(others.map(meaningOf));
  return facts.filter((fact) => !known.has(meaningOf(fact)));
}

function keyOf({ kind, role, object, command, name }: AccessFact): string {
  return JSON.stringify([kind, role, object, command, name]);
}

function meaningOf(fact: AccessFact): string {
  const phase = fact.kind.endsWith("policy")
    ? fact.name.endsWith("with check")
      ? "check"
      : "using"
    : fact.name;
  return JSON.stringify([fact.kind, fact.role, fact.object, fact.command, phase, fact.value]);
}

function describe(fact: AccessFact, effect: Effect, state: "new" | "gone"): AccessChange {
  const { role, object, command } = fact;
  const what = [fact.kind, fact.name].filter((part) => part !== "").join(" ");
  const value = fact.value === "" ? "" : `: ${fact.value}`;
  return { effect, role, object, command, detail: `${state} ${what}${value}` };
}

/**
 * A policy that got another expression. More arms of an OR and fewer of an AND let more through; anything else cannot be
 * told, and counts as wider until somebody has read it.
 */
function describeReplacement(old: AccessFact, fact: AccessFact, split: SplitExpression): AccessChange {
  const { role, object, command, kind, name } = fact;
  if (kind === "code") {
    return { effect: "CHANGES", role, object, command, detail: "other code" };
  }
  const direction = directionOf(old.value, fact.value, split);
  const detail = `${kind} ${name}: ${old.value} → ${fact.value}`;
  return {
    effect: direction ?? "WIDENS",
    role,
    object,
    command,
    detail: direction ? detail : `${detail} (cannot be told from the text)`,
  };
}

function directionOf(old: string, now: string, split: SplitExpression): "WIDENS" | "NARROWS" | null {
  if (now === "true" || old === "false") {
    return "WIDENS";
  }
  if (now === "false" || old === "true") {
    return "NARROWS";
  }
  const before = split(old);
  const after = split(now);
  const connectives = [before.connective, after.connective].filter((connective) => connective !== null);
  const [connective] = connectives;
  if (!connective || connectives.some((other) => other !== connective)) {
    return null;
  }
  const holds = (arms: string[], others: string[]) => others.every((arm) => arms.includes(arm));
  const whole = ({ arms }: { arms: string[] }) => arms.map(bare);
  if (holds(whole(after), whole(before))) {
    return connective === "or" ? "WIDENS" : "NARROWS";
  }
  if (holds(whole(before), whole(after))) {
    return connective === "or" ? "NARROWS" : "WIDENS";
  }
  return null;
}

/** An arm that stands alone has no parentheses around it. */
function bare(arm: string): string {
  return arm.replace(/^\((.*)\)$/s, "$1");
}

/** One line for the columns of a grant instead of one for each. */
function mergeColumns(changes: AccessChange[]): AccessChange[] {
  const merged = new Map<string, AccessChange>();
  for (const change of changes) {
    const [, state, column] = /^(new|gone) grant (\S+)$/.exec(change.detail) ?? [];
    if (column === undefined) {
      merged.set(JSON.stringify(change), change);
      continue;
    }
    const { effect, role, object, command } = change;
    const key = JSON.stringify([effect, role, object, command, state]);
    const known = merged.get(key);
    const detail = known ? `${known.detail.slice(0, -1)}, ${column})` : `${state} grant (${column})`;
    merged.set(key, { ...change, detail });
  }
  return [...merged.values()];
}
