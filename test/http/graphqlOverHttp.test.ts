import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { serverAudits } from "graphql-http";

import { createPerson, type Person } from "../../src/access/world/people.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let person: Person;

beforeAll(async () => {
  person = await createPerson(db.superuser);
});

/** What the specification leaves open, and we leave out: a query in an address ends up in logs, and a form can send it. */
const LEFT_OUT = new Map([
  ["5A70", "MAY accept application/x-www-form-urlencoded formatted GET requests"],
  [
    "D6D5",
    "MAY allow URL-encoded JSON string {variables} parameter in GETs when accepting application/graphql-response+json",
  ],
  ["6A70", "MAY allow URL-encoded JSON string {variables} parameter in GETs when accepting application/json"],
]);

describe("the audits of graphql-http", () => {
  const audits = serverAudits({
    url: () => `${api.url}/graphql`,
    fetchFn: (url: string, init: RequestInit) =>
      fetch(url, { ...init, headers: { ...init?.headers, authorization: `Bearer ${api.tokenOf(person)}` } }),
  });
  const passed: string[] = [];

  it.each(audits.filter(({ id }) => !LEFT_OUT.has(id)))("pass: $id $name", async (audit) => {
    const result = await audit.fn();
    expect([result.status, "reason" in result ? result.reason : ""]).toEqual(["ok", ""]);
    passed.push(audit.id);
  });

  it.each(audits.filter(({ id }) => LEFT_OUT.has(id)))("are told no: $id $name", async (audit) => {
    expect(audit.name).toBe(LEFT_OUT.get(audit.id));
    expect((await audit.fn()).status).toBe("notice");
  });

  afterAll(() => {
    process.stdout.write(
      `graphql-http: ${passed.length} of ${audits.length} audits pass, all that say MUST or SHOULD; ${LEFT_OUT.size} say MAY.\n`,
    );
  });
});
