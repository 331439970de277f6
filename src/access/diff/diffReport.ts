import type { AccessChange } from "./compareFacts.ts";
import type { AccessDiff } from "./diffAccess.ts";
import type { SampleChange } from "./sampleAccess.ts";

/** Code points of an expression that a line still shows; `--json` has all of it. */
const LINE_LENGTH = 160;
/** Lines of a table in a comment: a pull request's comment ends at 65,536 characters. */
const MOST_LINES = 120;

const counted = (sample: SampleChange) =>
  [sample.gained > 0 && `+${sample.gained}`, sample.lost > 0 && `−${sample.lost}`].filter(Boolean).join(" ");

function short(text: string): string {
  const line = text.replaceAll(/ AS \w+(?=\))/g, "").replaceAll(/\s+/g, " ");
  return line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line;
}

function summary({ base, changes, sample }: AccessDiff): string {
  const counts = new Map<string, number>();
  for (const { effect } of changes) {
    counts.set(effect, (counts.get(effect) ?? 0) + 1);
  }
  const parts = [...counts].map(([effect, count]) => `${count} ${effect}`);
  const rows =
    sample && sample.length > 0
      ? `; rows of the demo: ${counted({
          ...(sample[0] as SampleChange),
          gained: sample.reduce((sum, { gained }) => sum + gained, 0),
          lost: sample.reduce((sum, { lost }) => sum + lost, 0),
        })}`
      : "";
  return `Compared with ${base}: ${parts.length > 0 ? parts.join(", ") : "nobody may do more or less"}${rows}.`;
}

export function diffText(diff: AccessDiff): string {
  const lines = [summary(diff)];
  for (const { effect, role, object, command, detail } of diff.changes) {
    lines.push(`${effect.padEnd(7)}  ${role}: ${command} ${object}`, `         ${short(detail)}`);
  }
  if (diff.sample && diff.sample.length > 0) {
    lines.push("", "Rows of the demo gained and lost:");
    lines.push(
      ...diff.sample.map(
        (change) => `  ${change.person}: ${change.command} ${change.table} ${counted(change)}`,
      ),
    );
  }
  return [...lines, ...diff.notes].join("\n");
}

/** For a comment on a pull request; what does not fit is counted. */
export function diffMarkdown(diff: AccessDiff): string {
  const lines = ["## Access", "", summary(diff)];
  if (diff.changes.length > 0) {
    lines.push("", "|  | role | command | object | what |", "| --- | --- | --- | --- | --- |");
    lines.push(...limited(diff.changes.map(changeRow)));
  }
  if (diff.sample && diff.sample.length > 0) {
    lines.push("", "Rows of the demo that a person gains or loses:", "");
    lines.push("| person | command | table | rows |", "| --- | --- | --- | --- |");
    lines.push(
      ...limited(
        diff.sample.map(
          (change) => `| ${change.person} | ${change.command} | \`${change.table}\` | ${counted(change)} |`,
        ),
      ),
    );
  }
  return [...lines, ...diff.notes.flatMap((note) => ["", note])].join("\n");
}

function changeRow({ effect, role, object, command, detail }: AccessChange): string {
  const cell = short(detail).replaceAll("|", "\\|").replaceAll("`", "'");
  return `| **${effect}** | ${role} | ${command} | \`${object}\` | \`${cell}\` |`;
}

function limited(lines: string[]): string[] {
  const more = lines.length - MOST_LINES;
  return more > 0 ? [...lines.slice(0, MOST_LINES), "", `… and ${more} more; \`--json\` lists all.`] : lines;
}
