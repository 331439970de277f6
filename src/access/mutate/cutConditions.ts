import { type Block, type Item, readBlocks } from "./sqlBlocks.ts";

/** `conditions` are what AND joins, and what stands alone behind WHERE, ON and IF; `branches` are what OR joins. */
export type CutKind = "conditions" | "branches";

/** A text that has lost one part of one condition. */
export interface Cut {
  /** What was cut, in one line. */
  part: string;
  text: string;
}

/** Between two of these, a run of items is one expression, if it is one. */
const BOUNDARIES = new Set(
  (
    "; , select from where on join left right inner outer cross full natural lateral group order limit offset union " +
    "except intersect for returning then else elsif when end into set values do having using window return query " +
    "perform := => with as declare exception execute raise"
  ).split(" "),
);
/** What stands behind one of these is a condition even when nothing is joined in it. */
const CONDITION_OPENERS = new Set(["where", "on", "having", "elsif"]);
const PART_LENGTH = 90;

interface Run {
  /** The word before it; for the first of a block, the block's own. */
  opener: string;
  items: Item[];
}

/**
 * Every way to forget one part of one condition: of an expression, of a query, or of the body of a function. A condition
 * that is forgotten becomes `true`, one of an IF and a branch become `false`: what stays is SQL, byte for byte as it was.
 */
export async function cutConditions(text: string, kind: CutKind): Promise<Cut[]> {
  const root = await readBlocks(text);
  // What always held was no condition.
  return cutsOf(root, kind, text).filter((each) => each.text !== text);
}

function cutsOf(block: Block, kind: CutKind, text: string): Cut[] {
  return [
    ...runsOf(block).flatMap((run) => cutsOfRun(run, block, kind, text)),
    ...block.items.flatMap((item) => (item.kind === "block" ? cutsOf(item, kind, text) : [])),
  ];
}

function runsOf(block: Block): Run[] {
  const runs: Run[] = [{ opener: block.opener, items: [] }];
  for (const [index, item] of block.items.entries()) {
    if (item.kind === "token" && isBoundary(block.items, index)) {
      runs.push({ opener: item.word, items: [] });
    } else if (item.kind === "block" && ["begin", "if", "loop"].includes(item.opener)) {
      runs.push({ opener: "", items: [] });
    } else {
      runs.at(-1)?.items.push(item);
    }
  }
  return runs.filter(({ items }) => items.length > 0);
}

function isBoundary(items: readonly Item[], index: number): boolean {
  const word = wordOf(items[index]);
  // `is distinct from` compares.
  return BOUNDARIES.has(word) && !(word === "from" && wordOf(items[index - 1]) === "distinct");
}

function cutsOfRun({ opener, items }: Run, block: Block, kind: CutKind, text: string): Cut[] {
  // `exception when a or b` names errors; `on conflict` names no condition.
  if (
    (opener === "when" && block.opener !== "case") ||
    (opener === "on" && /^(conflict|constraint)$/.test(wordOf(items[0])))
  ) {
    return [];
  }
  const branches = splitAt(items, "or");
  if (kind === "branches") {
    return branches.length > 1 ? branches.map((branch) => cut(branch, "false", text)) : [];
  }
  const isGuard = opener === "if" || opener === "elsif";
  const isCondition = isGuard || CONDITION_OPENERS.has(opener);
  if (isGuard && branches.length > 1) {
    // Each branch of a guard is a reason to refuse.
    return branches.flatMap((branch) => [cut(branch, "false", text), ...cutJoined(branch, text)]);
  }
  const joined = branches.flatMap((branch) => cutJoined(branch, text));
  return joined.length === 0 && isCondition ? [cut(items, isGuard ? "false" : "true", text)] : joined;
}

/** One cut for each of what AND joins; none where it joins nothing. */
function cutJoined(items: Item[], text: string): Cut[] {
  const parts = splitAt(items, "and");
  return parts.length > 1 ? parts.map((part) => cut(part, "true", text)) : [];
}

function splitAt(items: readonly Item[], word: "and" | "or"): Item[][] {
  const parts: Item[][] = [[]];
  let isBetween = false;
  for (const item of items) {
    const current = wordOf(item);
    if (current === word && !(word === "and" && isBetween)) {
      parts.push([]);
      continue;
    }
    // The first AND after BETWEEN belongs to it.
    isBetween = current === "between" || (isBetween && current !== "and");
    parts.at(-1)?.push(item);
  }
  return parts.filter((part) => part.length > 0);
}

const wordOf = (item: Item | undefined) => (item?.kind === "token" ? item.word : "");

function cut(items: readonly Item[], replacement: "true" | "false", text: string): Cut {
  const start = items[0]?.start ?? 0;
  const end = items.at(-1)?.end ?? start;
  const part = text.slice(start, end).replaceAll(/\s+/g, " ").trim();
  return {
    part: part.length > PART_LENGTH ? `${part.slice(0, PART_LENGTH)}…` : part,
    text: text.slice(0, start) + replacement + text.slice(end),
  };
}
