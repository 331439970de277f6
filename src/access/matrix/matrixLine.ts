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
/** The command of lines that name the columns which a role may use. */
export const COLUMNS = "columns";

const identity = ({ table, command, relation, who }: MatrixLine) => `${table} ${command} ${who} ${relation}`;

/** How much an outcome gives away, from 0 to 1. */
function reach(outcome: string): number {
  const [word = "", share = ""] = outcome.split(" ");
  if (word === "some") {
    const [part = 0, whole = 1] = share.split("/").map(Number);
    return part / whole;
  }
  return word === "full" || word === "accepted" || share === "rows" ? 1 : word === "differs" ? 0.5 : 0;
}

/** The lines that differ. A command that is refused altogether counts as refused for each relation. */
export function compareMatrix(before: readonly MatrixLine[], after: readonly MatrixLine[]): MatrixChange[] {
  const [old, young] = [lookUp(before), lookUp(after)];
  const groups = Map.groupBy([...after, ...before], (line) => identity({ ...line, relation: "" }));
  return [...groups.values()].flatMap((group) => {
    const relations = [...new Set(group.map(({ relation }) => relation))];
    return relations
      .filter((relation) => relations.length === 1 || relation !== ANY_RELATION)
      .flatMap((relation) => {
        const line = { ...(group[0] as MatrixLine), relation };
        const [was, is] = [old(line), young(line)];
        return was?.outcome === is?.outcome
          ? []
          : [{ before: was, after: is, direction: direction(was, is) }];
      });
  });
}

/** The line of the same command and relation; of one that is refused altogether, made out for the relation. */
function lookUp(lines: readonly MatrixLine[]): (line: MatrixLine) => MatrixLine | undefined {
  const byIdentity = new Map(lines.map((line) => [identity(line), line]));
  return (line) => {
    const any = byIdentity.get(identity({ ...line, relation: ANY_RELATION }));
    return byIdentity.get(identity(line)) ?? (any && { ...any, relation: line.relation });
  };
}

/** Of columns, how many. */
const reachOf = (line: MatrixLine | undefined) =>
  line?.command === COLUMNS ? line.outcome.split(", ").length : reach(line?.outcome ?? REFUSED);

function direction(before: MatrixLine | undefined, after: MatrixLine | undefined): MatrixChange["direction"] {
  const [was, is] = [before, after].map(reachOf) as [number, number];
  return is > was ? "widened" : is < was ? "narrowed" : "changed";
}
