import { mkdtempSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { EXPOSED_SCHEMAS } from "../../src/preset.ts";
import { domainPage } from "../../src/schemaDocs/domainPage.ts";
import { entityDiagram } from "../../src/schemaDocs/entityDiagram.ts";
import { makeSchemaDocs } from "../../src/schemaDocs/makeSchemaDocs.ts";
import { type DocumentedTable, readTables } from "../../src/schemaDocs/readTables.ts";
import { schemaIndex } from "../../src/schemaDocs/schemaIndex.ts";
import { tableDomains } from "../../src/schemaDocs/tableDomains.ts";
import { useTestDatabase } from "../support/database.ts";

const ROOT = join(import.meta.dirname, "../..");
const db = useTestDatabase();
let tables: DocumentedTable[];

beforeAll(async () => {
  tables = await db.inTransaction(readTables);
});

const named = (name: string) => tables.filter((table) => table.name === name);

describe("docs/domains", () => {
  it("shows the schema that the migrations make, on every version of Postgres", async () => {
    const { stale, problems } = await db.inTransaction((client) =>
      makeSchemaDocs(client, ROOT, EXPOSED_SCHEMAS),
    );
    // Stale? `npx bailiwick docs` writes them anew.
    expect({ stale, problems }).toEqual({ stale: [], problems: [] });
  });
});

describe("makeSchemaDocs", () => {
  let folder = "";
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "bailiwick-docs-"));
    await cp(join(ROOT, "migrations/fixtures"), join(folder, "migrations/fixtures"), { recursive: true });
    await cp(join(ROOT, "docs/domains"), join(folder, "docs/domains"), { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("notices a column that the pages lack", async () => {
    const { stale } = await db.inTransaction(async (client) => {
      await client.query("alter table app_public.patients add column nickname text");
      return makeSchemaDocs(client, folder, EXPOSED_SCHEMAS);
    });
    expect(stale).toEqual(["docs/domains/clinical.md"]);
  });

  it("notices a policy that the list lacks", async () => {
    const { stale } = await db.inTransaction(async (client) => {
      await client.query("create policy stray on app_public.patients for select to app_user using (false)");
      return makeSchemaDocs(client, folder, EXPOSED_SCHEMAS);
    });
    expect(stale).toEqual(["docs/domains/README.md"]);
  });

  it("names a table without a fixture, which is not in the API without a reason", async () => {
    const { problems } = await db.inTransaction(async (client) => {
      await client.query("create table app_public.strays (id uuid)");
      return makeSchemaDocs(client, folder, EXPOSED_SCHEMAS);
    });
    expect(problems.filter((problem) => problem.includes("strays"))).toEqual([
      "app_public.strays has no fixture: none resets its access (or makes the view).",
      "app_public.strays is not in the API, and docs/domains/notInApi.json does not say why.",
    ]);
  });
});

describe("the list of tables", () => {
  const domains = tableDomains(join(ROOT, "migrations/fixtures"));

  it("shows a table's domain, its place in the API, FORCE and its policies", () => {
    const { text, problems } = schemaIndex(named("app_public.appointments"), domains, ["app_public"], {});
    const line = text.split("\n").find((candidate) => candidate.includes("app_public.appointments"));
    expect(line).toContain(
      "| [scheduling](scheduling.md) | yes | forced | `tenant_boundary` (restrictive, all, app_user)",
    );
    expect(line).toContain("`insert_staff` (insert, app_user)");
    expect(problems).toEqual([]);
  });

  it("takes the reason of a hidden view from its comment, and of a private table from the file", () => {
    const absent = [...named("app_public.memberships"), ...named("app_private.refresh_tokens")];
    const { text, problems } = schemaIndex(absent, domains, ["app_public"], { "app_private.*": "Secret." });
    expect(text).toMatch(
      /memberships` \(view\).*\| no: clinic_memberships under its askers’ name\. \| invoker’s/,
    );
    expect(text).toMatch(/refresh_tokens`.*\| no: Secret\. \|/);
    expect(problems).toEqual([]);
  });

  it("has no reason left over", () => {
    const { problems } = schemaIndex(named("app_public.patients"), domains, ["app_public"], {
      "app_public.patients": "Old.",
    });
    expect(problems).toEqual([
      "docs/domains/notInApi.json explains app_public.patients, which is in the API or does not exist.",
    ]);
  });

  it("says loudly that a table is not forced", () => {
    const [patients] = named("app_public.patients");
    const { text } = schemaIndex([{ ...patients!, isForced: false }], domains, ["app_public"], {});
    expect(text).toContain("| NOT FORCED |");
  });
});

describe("a diagram", () => {
  it("shows columns, keys, and how many rows there may be on each side", () => {
    const lines = entityDiagram(named("app_public.care_sessions")).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        "erDiagram",
        "  care_sessions {",
        "    uuid id PK",
        "    uuid clinic_id FK",
        "    care_session_status status",
        "  patients ||--o{ care_sessions : patient_id",
        "  appointments |o--o{ care_sessions : appointment_id",
      ]),
    );
    expect(lines.join()).not.toContain("created_at");
  });

  it("shows that a profile is its user's only one", () => {
    expect(entityDiagram(named("app_public.profiles"))).toContain("users ||--o| profiles : user_id");
  });
});

describe("a domain's page", () => {
  const page = (existing?: string) => domainPage("clinical", named("app_public.patients"), existing);

  it("keeps what people wrote, before and after what is generated", () => {
    const first = page("# Clinical\n\nWhat we know of patients.\n");
    expect(first).toMatch(/^# Clinical\n\nWhat we know of patients\.\n\n## Diagram\n\n<!-- GENERATED/);
    const edited = `${first.replace("erDiagram", "old")}\n## More\n`;
    expect(page(edited)).toBe(`${first}\n## More\n`);
    expect(page(page(edited))).toBe(page(edited));
  });

  it("comes into being with the domain", () => {
    expect(page()).toMatch(/^# Clinical\n\n## Diagram\n/);
  });

  it("is not touched when one of its marks is missing", () => {
    const broken = page().replace("<!-- … to here -->", "");
    expect(() => page(broken)).toThrow("docs/domains/clinical.md must hold the line");
  });
});
