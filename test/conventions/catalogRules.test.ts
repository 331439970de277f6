import { describe, expect, it } from "@jest/globals";

import { useTestDatabase } from "../support/database.ts";
import { ACCESS_RULES } from "./accessRules.ts";
import { FUNCTION_RULES } from "./functionRules.ts";
import { TABLE_RULES } from "./tableRules.ts";

const db = useTestDatabase();

describe.each([...TABLE_RULES, ...ACCESS_RULES, ...FUNCTION_RULES])("$title", ({ query, breaks }) => {
  it("holds", async () => {
    const { rows } = await db.superuser.query(query);
    expect(rows).toEqual([]);
  });

  it("is noticed when it does not", async () => {
    const { rows } = await db.inTransaction(async (client) => {
      await client.query(breaks.sql);
      return client.query(query);
    });
    expect(rows).toContainEqual(expect.objectContaining({ object: breaks.finding }));
  });
});
