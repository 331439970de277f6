/** As `to_json()` prints it, in whatever DateStyle: `"2026-11-30T01:02:03.5+01:00"`, with the quotes. */
const PRINTED =
  /^"(?<clock>\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?<fraction>\d{1,6}))?(?<offset>[+-]\d\d:\d\d)(?::\d\d)?(?: BC)?"$/;
/** With six digits after the point; nothing is left to do then. */
const COMPLETE_LENGTH = '"2026-11-30T01:02:03.123456+00:00"'.length;
const POINT = 20;

/**
 * The text that PostGraphile gives for a `timestamptz`, made of what `to_json()` prints. PostGraphile has Postgres make it,
 * by `to_char(…, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM')`, which takes two to four times as long; it has no word for infinity
 * either, and leaves out "BC" and the seconds of an offset.
 */
export function timestampText(printed: string | null): string | null {
  // Elements of an array come as PostGraphile has them printed.
  if (printed === null || printed[0] !== '"') {
    return printed;
  }
  if (printed.length === COMPLETE_LENGTH && printed[POINT] === ".") {
    return printed.slice(1, -1);
  }
  const { clock, fraction = "", offset } = PRINTED.exec(printed)?.groups ?? {};
  return clock === undefined ? null : `${clock}.${fraction.padEnd(6, "0")}${offset}`;
}
