/** What somebody may do to rows of a table that stand in one relation to them, as it was found by trying. */
export interface MatrixLine {
  /** With its schema; for what a task reaches, the task. */
  table: string;
  /** `select`, `insert`, `update`, `move` (into another tenant), `delete`, a blind write or an oracle. */
  command: string;
  /** Of the rows to the person; `any` when the command is refused before there is a row, `unseen` for what they cannot see. */
  relation: string;
  /** A kind of person, or a server's role. */
  who: string;
  /** `full`, `some 1/3`, `none`, `refused`, `constraint 23514`; of an oracle `same`, `differs …` or `accepted`. */
  outcome: string;
}

export interface MatrixChange {
  before: MatrixLine | undefined;
  after: MatrixLine | undefined;
  direction: "widened" | "narrowed" | "changed";
}

/** Refused before any row is looked at: the role has no grant. */
export const ANY_RELATION = "any";
export const REFUSED = "refused";

const identity = ({ table, command, relation, who }: MatrixLine) => `${table} ${command} ${who} ${relation}`;

/** How much an outcome gives away, from 0 to 1. */
function reach(outcome: string): number {
  const [word = "", share = ""] = outcome.split(" ");
  if (word === "some") {
    const [part = 0, whole = 1] = share.split("/").map(Number);
    return part / whole;
  }
  return word === "full" || word === "accepted" ? 1 : word === "differs" ? 0.5 : 0;
}

/** The lines that differ, in the order of `after`, then those that are gone. */
export function compareMatrix(before: readonly MatrixLine[], after: readonly MatrixLine[]): MatrixChange[] {
  const old = lookUp(before);
  const young = lookUp(after);
  const pairs = [
    ...after.map((line) => ({ before: old(line), after: line as MatrixLine | undefined })),
    ...before.filter((line) => young(line) === undefined).map((line) => ({ before: line, after: undefined })),
  ];
  return pairs
    .filter((pair) => pair.before?.outcome !== pair.after?.outcome)
    .map((pair) => ({ ...pair, direction: direction(pair.before, pair.after) }));
}

/** A command that is refused altogether is refused for each relation. */
function lookUp(lines: readonly MatrixLine[]): (line: MatrixLine) => MatrixLine | undefined {
  const byIdentity = new Map(lines.map((line) => [identity(line), line]));
  return (line) =>
    byIdentity.get(identity(line)) ?? byIdentity.get(identity({ ...line, relation: ANY_RELATION }));
}

function direction(before: MatrixLine | undefined, after: MatrixLine | undefined): MatrixChange["direction"] {
  const [was, is] = [before, after].map((line) => reach(line?.outcome ?? REFUSED)) as [number, number];
  return is > was ? "widened" : is < was ? "narrowed" : "changed";
}
