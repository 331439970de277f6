import { describe, expect, it } from "@jest/globals";

import { timestampText } from "../../plugins/timestampText.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();

const VALUES = [
  "2026-11-30 01:02:03.123456+00",
  "2026-11-30 01:02:03.5+05:45",
  "2026-11-30 01:02:03.000001Z",
  "2026-11-30 00:00:00Z",
  "2026-03-29 01:59:59.999999Z",
  "1900-01-01 00:00:00Z",
  "0001-01-01 00:00:00Z",
  "0044-03-15 12:00:00Z BC",
  "4713-01-01 00:00:00Z BC",
  "9999-12-31 23:59:59.999999Z",
  "10000-01-01 00:00:00Z",
  "12345-01-01 00:00:00.12345Z",
  "294276-12-31 23:59:59.999999Z",
  "infinity",
  "-infinity",
];
/** The last two had offsets with seconds, a hundred years ago. */
const ZONES = ["UTC", "Asia/Kathmandu", "America/St_Johns", "Europe/Amsterdam", "Africa/Monrovia"];

const FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM';

describe("a timestamp", () => {
  it.each(ZONES)("has the very text that PostGraphile would have Postgres print, in %s", (zone) =>
    db.inTransaction(async (client) => {
      await client.query("select set_config('timezone', $1, true), set_config('datestyle', 'German', true)", [
        zone,
      ]);
      const { rows } = await client.query<{ expected: string | null; printed: string }>(
        `select to_char(value::timestamptz, $2) as expected, to_json(value::timestamptz)::text as printed
         from unnest($1::text[]) with ordinality as v (value, position)
         order by position`,
        [VALUES, FORMAT],
      );
      expect(rows).toHaveLength(VALUES.length);
      expect(rows.map(({ printed }) => timestampText(printed))).toEqual(rows.map(({ expected }) => expected));
    }),
  );

  it("that is none, or has its text already, is left as it is", () => {
    expect(timestampText(null)).toBeNull();
    expect(timestampText("2026-11-30T01:02:03.500000+00:00")).toBe("2026-11-30T01:02:03.500000+00:00");
  });
});
