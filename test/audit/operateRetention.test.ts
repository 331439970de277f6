import { beforeAll, expect, it, jest } from "@jest/globals";

import { createOrganization } from "../../src/access/world/people.ts";
import { readOldMonths } from "../../src/audit/retainEvents.ts";
import { useTestDatabase } from "../support/database.ts";
import { runBailiwick } from "../support/runBailiwick.ts";
import { useEvidence } from "./evidence.ts";
import { useRetention } from "./useRetention.ts";

jest.setTimeout(120_000);

const db = useTestDatabase();
const evidence = useEvidence(db);
const retention = useRetention(db, evidence);
const NOBODY = "00000000-0000-7000-8000-00000000000a";
let organizationId = "";

beforeAll(async () => {
  organizationId = await createOrganization(db.superuser, "Acme");
  await retention.makeMonths("2010-01-01", 1);
  await retention.happened(organizationId, "2010-01-05T00:00:00Z");
});

const audit = (...args: string[]) => runBailiwick(db.config, "audit", ...args);

const month = async () => {
  const client = await evidence.pool.connect();
  try {
    return (await readOldMonths(client))[0];
  } finally {
    client.release();
  }
};

it("a hold keeps what is old enough until it is released, and both are on record", async () => {
  expect(await month()).toMatchObject({ isHeld: false });
  const made = await audit("hold", organizationId, "--reason", "Case 12/345");
  expect(made.code).toBe(0);
  const holdId = made.output.trim();
  expect(await month()).toMatchObject({ isHeld: true });
  expect((await audit("holds")).output).toMatch(
    new RegExp(`${organizationId} {2}hold ${holdId} {2}since [-0-9]+, stands: Case 12/345`),
  );
  expect(await audit("release", holdId)).toMatchObject({ code: 0 });
  expect(await month()).toMatchObject({ isHeld: false });
  expect(await audit("release", holdId)).toMatchObject({ code: 1 });
  expect((await audit("holds")).output).toMatch(/released [-0-9]+: Case 12/);
  const { rows } = await db.superuser.query(
    "select command from app_audit.events where table_name = 'app_audit.legal_holds' and organization_id = $1 order by id",
    [organizationId],
  );
  expect(rows).toEqual([{ command: "INSERT" }, { command: "UPDATE" }]);
});

it("the years that an organization keeps are said and said again, each on record", async () => {
  for (const years of ["30", "8"]) {
    expect(await audit("keep", organizationId, "--years", years, "--jurisdiction", "ON")).toMatchObject({
      code: 0,
    });
    expect((await month())?.keepUntil.getUTCFullYear()).toBe(2010 + Number(years));
  }
  const { output } = await audit("holds", "--json");
  expect(JSON.parse(output)).toEqual(
    expect.arrayContaining([expect.objectContaining({ organizationId, keepYears: 8, jurisdiction: "ON" })]),
  );
  const { rows } = await db.superuser.query(
    "select command from app_audit.events where table_name = 'app_audit.retention_policies' order by id",
  );
  expect(rows).toEqual([{ command: "INSERT" }, { command: "UPDATE" }]);
});

it("of an organization or a hold that there is not, they say so", async () => {
  for (const args of [
    ["hold", NOBODY, "--reason", "x"],
    ["release", NOBODY],
    ["keep", NOBODY, "--years", "9", "--jurisdiction", "ON"],
  ]) {
    expect(await audit(...args)).toMatchObject({ code: 1 });
  }
});

it("wrong input is refused before a database is asked", async () => {
  for (const [args, sentence] of [
    [["hold", "acme", "--reason", "x"], "organization must be an id"],
    [["hold", organizationId, "--reason", "  "], "--reason must have from 1 to 500"],
    [["release", "1"], "hold must be an id"],
    [["keep", organizationId, "--years", "5", "--jurisdiction", "ON"], "from 6 to 100; got '5'"],
    [["keep", organizationId, "--years", "9", "--jurisdiction", "x y"], "--jurisdiction must be"],
  ] as const) {
    const { code, output } = await audit(...args);
    expect(code).toBe(2);
    expect(output).toMatch(sentence);
  }
});
