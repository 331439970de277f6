import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { type AccessFact, readAccessFacts } from "../../src/access/diff/accessFacts.ts";
import { compareApis } from "../../src/access/diff/compareApis.ts";
import { type AccessChange, compareFacts } from "../../src/access/diff/compareFacts.ts";
import { needsApproval, splitterOf } from "../../src/access/diff/diffAccess.ts";
import { diffMarkdown, diffText } from "../../src/access/diff/diffReport.ts";
import {
  compareSamples,
  type Sample,
  type SampleChange,
  takeSample,
} from "../../src/access/diff/sampleAccess.ts";
import { everyRow, type TableRows } from "../../src/access/sample/everyRow.ts";
import { printApi } from "../../src/commands/schema.ts";
import { withClient } from "../../src/database/withClient.ts";
import { seedDatabase } from "../../src/seed/seedDatabase.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
/** The API is built twice, on a machine that does other things too. */
const TIMEOUT = 120_000;
const SAMPLED = ["app_public.patients", "app_public.patient_clinic_links"];

let tables: TableRows[];
let facts: AccessFact[];
let sample: Sample;

const administrating = <T>(work: (client: ClientBase) => Promise<T>) => withClient(db.urls.superuser, work);

beforeAll(async () => {
  await seedDatabase(db);
  tables = (await everyRow(db.superuser)).filter(({ table }) => SAMPLED.includes(table));
  await administrating(async (client) => {
    facts = await readAccessFacts(client);
    sample = await takeSample(client, tables);
  });
});

interface Compared {
  changes: AccessChange[];
  sample: SampleChange[];
}

/** What a migration changes for whom; `undo` takes it back. */
async function compare(migration: string, undo: string): Promise<Compared> {
  await db.superuser.query(migration);
  try {
    return await administrating(async (client) => {
      const now = await readAccessFacts(client);
      const changes = compareFacts(facts, now, await splitterOf(client, [facts, now]));
      return { changes, sample: compareSamples(sample, await takeSample(client, tables)) };
    });
  } finally {
    await db.superuser.query(undo);
  }
}

const HERE = "array(select app_hidden.readable_clinic_ids())";
const POLICY_OF_LINKS = "select_clinic on app_public.patient_clinic_links";

/** The policy of links without its last arm: the patient's own. */
const WITHOUT_PATIENTS = `
  drop policy ${POLICY_OF_LINKS};
  create policy ${POLICY_OF_LINKS} for select to app_user
    using (clinic_id = any (${HERE}) or home_clinic_id = any (${HERE}))`;
const WITH_PATIENTS = `
  drop policy ${POLICY_OF_LINKS};
  create policy ${POLICY_OF_LINKS} for select to app_user
    using (clinic_id = any (${HERE}) or home_clinic_id = any (${HERE})
      or patient_id = any (array(select app_hidden.my_patient_ids())))`;

describe("a migration", () => {
  it("that adds a permissive policy WIDENS, for those who gain rows by it", async () => {
    const compared = await compare(
      "create policy stray on app_public.patients for select to app_user using (organization_id = any (array(select app_hidden.my_organization_ids())))",
      "drop policy stray on app_public.patients",
    );
    expect(compared.changes).toEqual([
      {
        effect: "WIDENS",
        role: "app_user",
        object: "app_public.patients",
        command: "select",
        detail: expect.stringContaining("new permissive policy stray using"),
      },
    ]);
    expect(compared.sample.map(({ person }) => person)).toContain("carol");
    expect(compared.sample.map(({ person }) => person)).not.toContain("bob");
    expect(compared.sample.every(({ gained, lost }) => gained > 0 && lost === 0)).toBe(true);
    expect(needsApproval({ base: "x", notes: [], ...compared })).toBe(true);
  });

  it("that takes row security away WIDENS for every role", async () => {
    const { changes } = await compare(
      "alter table app_public.patients no force row level security",
      "alter table app_public.patients force row level security",
    );
    expect(changes).toEqual([
      {
        effect: "WIDENS",
        role: "every role",
        object: "app_public.patients",
        command: "every command",
        detail: "gone row security forced",
      },
    ]);
  });

  it("that takes an arm out of a policy NARROWS, and the way back WIDENS", async () => {
    const there = await compare(WITHOUT_PATIENTS, WITH_PATIENTS);
    expect(there.changes).toEqual([
      expect.objectContaining({ effect: "NARROWS", object: "app_public.patient_clinic_links" }),
    ]);
    expect(needsApproval({ base: "x", notes: [], ...there })).toBe(false);

    const split = await administrating((client) => splitterOf(client, [facts]));
    const [narrow] = facts.filter(
      ({ name, object }) => name === "select_clinic using" && object.endsWith("_links"),
    );
    const wide = { ...(narrow as AccessFact), value: `(${narrow?.value} OR (clinic_id IS NULL))` };
    const knows = (expression: string) =>
      expression === wide.value
        ? { connective: "or" as const, arms: [...split(narrow?.value ?? "").arms, "(clinic_id IS NULL)"] }
        : split(expression);
    expect(compareFacts([narrow as AccessFact], [wide], knows)).toEqual([
      expect.objectContaining({ effect: "WIDENS", command: "select" }),
    ]);
  });

  it("that takes a grant away NARROWS, for those who lose rows by it", async () => {
    const compared = await compare(
      "revoke delete on app_public.patient_clinic_links from app_user",
      "grant delete on app_public.patient_clinic_links to app_user",
    );
    expect(compared).toEqual({
      changes: [
        {
          effect: "NARROWS",
          role: "app_user",
          object: "app_public.patient_clinic_links",
          command: "delete",
          detail: "gone grant",
        },
      ],
      sample: [
        { person: "carol", table: "app_public.patient_clinic_links", command: "delete", gained: 0, lost: 1 },
      ],
    });
  });

  it(
    "that takes a column out of the API BREAKS",
    async () => {
      const before = await printApi(db.urls.gateway);
      await db.superuser.query("revoke select (speciality) on app_public.clinic_memberships from app_user");
      try {
        expect(compareApis(before, await printApi(db.urls.gateway))).toContainEqual({
          effect: "BREAKS",
          role: "API clients",
          object: "ClinicMembership.speciality",
          command: "field removed",
          detail: "ClinicMembership.speciality was removed.",
        });
      } finally {
        await db.superuser.query("grant select (speciality) on app_public.clinic_memberships to app_user");
      }
    },
    TIMEOUT,
  );

  it("that renames a policy, or does nothing, is no change", async () => {
    const nothing = { changes: [], sample: [] };
    const rename = (from: string, to: string) =>
      `alter policy ${from} on app_public.patients rename to ${to}`;
    expect(await compare(rename("select_clinic", "other"), rename("other", "select_clinic"))).toEqual(
      nothing,
    );
    expect(await compare("select 1", "select 1")).toEqual(nothing);
  });
});

describe("the report", () => {
  const diff = {
    base: "main",
    changes: [
      {
        effect: "WIDENS" as const,
        role: "app_user",
        object: "app_public.patients",
        command: "select",
        detail: "new permissive policy stray using: (a | `b`)",
      },
    ],
    sample: [
      { person: "carol", table: "app_public.patients", command: "select" as const, gained: 2, lost: 1 },
    ],
    notes: ["A note."],
  };

  it("says in one line what changed, then each change and row", () => {
    expect(diffText(diff)).toContain("Compared with main: 1 WIDENS; rows of the demo: +2 −1.");
    expect(diffText(diff)).toContain("carol: select app_public.patients +2 −1");
    expect(diffText({ ...diff, changes: [], sample: [] })).toContain("nobody may do more or less");
  });

  it("is a table in Markdown that no expression breaks, and fits a comment", () => {
    expect(diffMarkdown(diff)).toContain(
      "| **WIDENS** | app_user | select | `app_public.patients` | `new permissive policy stray using: (a \\| 'b')` |",
    );
    const many = diffMarkdown({
      ...diff,
      changes: Array.from({ length: 2000 }, () => diff.changes[0] as AccessChange),
    });
    expect(many.length).toBeLessThan(65_536);
    expect(many).toContain("… and 1880 more");
  });
});
