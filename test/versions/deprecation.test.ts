import { beforeAll, describe, expect, it } from "@jest/globals";
import { buildSchema, parse } from "graphql";

import { createPerson, type Person } from "../../src/access/world/people.ts";
import { findDeprecation, parseDeprecationReason } from "../../src/versions/findDeprecation.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const SCHEMA = buildSchema(`type Query {
  a(x: Int, y: Int @deprecated(reason: "Since 2026-03-01, until 2026-12-31: use x.")): Int
  b: Int @deprecated(reason: "Since 2026-05-01, until 2026-11-30: use a.")
}`);
const day = (text: string) => new Date(`${text}T00:00:00Z`);

describe("what is deprecated", () => {
  it("says since when and until when", () => {
    expect(parseDeprecationReason("Since 2026-03-01, until 2026-12-31: use x.")).toEqual({
      since: day("2026-03-01"),
      until: day("2026-12-31"),
    });
    expect(parseDeprecationReason("No longer supported")).toBeNull();
  });

  it("is found in fields and arguments; the earliest dates count", () => {
    const found = (document: string) => findDeprecation(SCHEMA, parse(document));
    expect(found("{ a(x: 1) }")).toBeNull();
    expect(found("{ a(y: 1) }")).toEqual({ since: day("2026-03-01"), until: day("2026-12-31") });
    expect(found("{ a(y: 1) b }")).toEqual({ since: day("2026-03-01"), until: day("2026-11-30") });
  });
});

describe("an answer", () => {
  const db = useTestDatabase();
  const api = useGateway(db);
  let person: Person;
  beforeAll(async () => {
    person = await createPerson(db.superuser);
  });

  it("says which version of the schema gave it, and when the operation stops to work", async () => {
    const ask = (query: string) => api.query(person, query).then(({ headers }) => headers);
    const before = await ask("{ viewer { email } }");
    expect(before.get("x-schema-version")).toMatch(/^[0-9a-f]{12}$/);
    expect([before.get("deprecation"), before.get("sunset")]).toEqual([null, null]);

    await db.superuser.query(
      `comment on column app_public.users.email is E'@deprecated Since 2026-11-20, until 2027-05-31: use emailAddress.'`,
    );
    await api.gateway.reload();
    const after = await ask("{ viewer { email } }");
    expect(after.get("deprecation")).toBe(`@${day("2026-11-20").getTime() / 1000}`);
    expect(after.get("sunset")).toBe("Mon, 31 May 2027 00:00:00 GMT");
    expect(after.get("x-schema-version")).not.toBe(before.get("x-schema-version"));
    expect((await ask("{ viewer { rowId } }")).get("deprecation")).toBeNull();
  });
});
