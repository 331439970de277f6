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

describe("the audits of graphql-http", () => {
  const audits = serverAudits({
    url: () => `${api.url}/graphql`,
    fetchFn: (url: string, init: RequestInit) =>
      fetch(url, { ...init, headers: { ...init?.headers, authorization: `Bearer ${api.tokenOf(person)}` } }),
  });
  const passed: string[] = [];

  it.each(audits)("pass: $id $name", async (audit) => {
    const result = await audit.fn();
    expect([result.status, "reason" in result ? result.reason : ""]).toEqual(["ok", ""]);
    passed.push(audit.id);
  });

  afterAll(() => {
    process.stdout.write(`graphql-http: ${passed.length} of ${audits.length} audits pass.\n`);
  });
});
