import { loadModule, scanSync } from "libpg-query";

/** A word or sign of SQL, in lower case, with where it stands in the text. */
export interface Token {
  kind: "token";
  word: string;
  start: number;
  end: number;
}

/** What stands between a pair: brackets, or the words of PL/pgSQL and CASE that END closes. */
export interface Block {
  kind: "block";
  /** `(`, `[`, `case`, `begin`, `if` or `loop`; empty for the whole text. */
  opener: string;
  items: Item[];
  start: number;
  end: number;
}

export type Item = Token | Block;

const CLOSERS: Record<string, readonly string[]> = {
  "(": [")"],
  "[": ["]"],
  case: ["end"],
  begin: ["end"],
  if: ["end"],
  loop: ["end"],
};
/** `end if` closes one block, not one and opens another. */
const AFTER_END = new Set(["case", "if", "loop"]);

/**
 * Divides SQL or the body of a PL/pgSQL function into nested blocks, with the scanner of Postgres itself: comments and
 * quoted text cannot be mistaken for structure. What is not closed ends with the text.
 */
export async function readBlocks(sql: string): Promise<Block> {
  await loadModule();
  const tokens = scanTokens(sql);
  const root: Block = { kind: "block", opener: "", items: [], start: 0, end: sql.length };
  const open = [root];
  for (const [index, token] of tokens.entries()) {
    const block = open.at(-1) ?? root;
    const previous = tokens[index - 1]?.word ?? "";
    if (CLOSERS[block.opener]?.includes(token.word)) {
      block.end = token.end;
      open.pop();
    } else if (opens(token.word, previous)) {
      const inner: Block = {
        kind: "block",
        opener: token.word,
        items: [],
        start: token.start,
        end: sql.length,
      };
      block.items.push(inner);
      open.push(inner);
    } else if (previous !== "end" || !AFTER_END.has(token.word)) {
      block.items.push(token);
    }
  }
  return root;
}

function opens(word: string, previous: string): boolean {
  return Object.hasOwn(CLOSERS, word) && !(previous === "end" && AFTER_END.has(word));
}

/** Postgres counts bytes; JavaScript counts otherwise as soon as a text holds more than ASCII. */
function scanTokens(sql: string): Token[] {
  const bytes = Buffer.from(sql);
  const lengthUntil = (offset: number) => bytes.subarray(0, offset).toString().length;
  return scanSync(sql)
    .tokens.filter(({ tokenName }) => !/COMMENT/.test(tokenName))
    .map(({ start, end, text }) => ({
      kind: "token",
      word: text.toLowerCase(),
      start: lengthUntil(start),
      end: lengthUntil(end),
    }));
}
