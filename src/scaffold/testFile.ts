import { COLUMN_TYPES, WORLD_ROWS } from "./columnTypes.ts";
import type { NewColumn, NewTable, Scope } from "./newTable.ts";
import { changeableColumns, tenantColumns } from "./wording.ts";

interface ScopePeople {
  readers: string[];
  writers: string[];
  onlyReader: string;
  strangers: string[];
  superadmin: string;
}

const person = (title: string, expression: string) => `["${title}", (world) => world.${expression}]`;

const CLINIC_WRITERS = [
  person("the clinic's administrator", "here.clinicAdmin"),
  person("the clinic's provider", "here.provider"),
  person("the clinic's staff", "here.staff"),
];
const ADMINISTRATORS = ["owner", "admin"].map((kind) => person(`the organization's ${kind}`, kind));

const PEOPLE: Record<Scope, ScopePeople> = {
  clinic: {
    writers: CLINIC_WRITERS,
    readers: [...CLINIC_WRITERS, person("the clinic's viewer", "here.viewer")],
    onlyReader: "here.viewer",
    strangers: [
      person("a provider of another clinic", "there.provider"),
      person("a provider of another organization", "abroad.provider"),
      person("an owner who works in no clinic", "owner"),
      person("an admin who works in no clinic", "admin"),
      person("a patient", "portal"),
      person("a superadmin who does not say what for", "superadmin"),
      person("somebody who belongs nowhere", "stranger"),
    ],
    superadmin: `{ purposeOfUse: "support" }`,
  },
  organization: {
    writers: ADMINISTRATORS,
    readers: [...ADMINISTRATORS, person("a member", "here.staff")],
    onlyReader: "here.staff",
    strangers: [
      person("a member of another organization", "abroad.provider"),
      person("a patient", "portal"),
      person("somebody who belongs nowhere", "stranger"),
    ],
    superadmin: "{}",
  },
};

/** `test/schema/<domain>/<name>.test.ts`, unformatted: each command as each kind of person, who can and who cannot. */
export function testFile(table: NewTable): string {
  const { readers, writers, strangers } = PEOPLE[table.scope];
  return `\
import { beforeAll, describe, expect, it } from "@jest/globals";

import { useTestDatabase } from "../../support/database.ts";
import type { Person } from "../../support/people.ts";
import { type ClinicWorld, createWorld, type World } from "../../support/world.ts";

type Who = readonly [title: string, of: (world: World) => Person];

const READERS: readonly Who[] = [${readers.join(", ")}];
const WRITERS: readonly Who[] = [${writers.join(", ")}];
const STRANGERS: readonly Who[] = [${strangers.join(", ")}];

${statements(table)}

const db = useTestDatabase();
let world: World;
let id: string;

const values = ({ clinic${usesWorld(table) ? ", ...rest" : ""} }: ClinicWorld) => [${valuesOf(table)}];

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const { rows } = await db.superuser.query(\`\${INSERT} returning id\`, values(world.here));
  id = rows[0].id;
});

${readTests(table)}

${insertTests(table)}

${updateTests(table)}

${remainingTests(table)}
`;
}

function statements(table: NewTable): string {
  const target = `app_public.${table.name}`;
  const columns = [...tenantColumns(table), ...filledColumns(table).map(({ name }) => name)];
  const [changed] = changeableColumns(table);
  const lines = [
    `const SELECT = "select id from ${target} where id = $1";`,
    `const INSERT = \`insert into ${target} (${columns.join(", ")})
  values (${columns.map((_, index) => `$${index + 1}`).join(", ")})\`;`,
    `const DELETE = "delete from ${target} where id = $1";`,
  ];
  if (changed !== undefined) {
    lines.push(`const UPDATE = "update ${target} set ${changed.name} = ${changed.name} where id = $1";`);
  }
  return lines.join("\n");
}

/** Columns that the tests' world has a value for. */
function filledColumns({ columns }: NewTable): NewColumn[] {
  return columns.filter(({ reference }) => reference === null || Object.hasOwn(WORLD_ROWS, reference.table));
}

const refersTo = ({ reference }: NewColumn) => (reference === null ? undefined : WORLD_ROWS[reference.table]);

/** Whether a row refers to something of the clinic's world besides the clinic. */
function usesWorld(table: NewTable): boolean {
  return filledColumns(table).some((column) => ![undefined, "clinic.id"].includes(refersTo(column)));
}

function valuesOf(table: NewTable): string {
  return [
    "clinic.organizationId",
    ...(table.scope === "clinic" ? ["clinic.id"] : []),
    ...filledColumns(table).map((column) => {
      const path = refersTo(column);
      if (path === undefined) {
        return COLUMN_TYPES[column.type]?.sample;
      }
      return path.startsWith("clinic.") ? path : `rest.${path}`;
    }),
  ].join(", ");
}

function readTests({ name, scope }: NewTable): string {
  return `\
describe("reading ${name}", () => {
  it.each(READERS)("can be done by %s", (_title, who) =>
    db.asUser(who(world), async (request) => {
      expect(await request.attempt(SELECT, [id])).toBe(1);
    }),
  );

  it.each(STRANGERS)("cannot be done by %s", (_title, who) =>
    db.asUser(who(world), async (request) => {
      expect(await request.attempt(SELECT, [id])).toBe(0);
    }),
  );

  it("can be done by a superadmin${scope === "clinic" ? " who says what for" : ""}", () =>
    db.asUser(
      world.superadmin,
      async (request) => {
        expect(await request.attempt(SELECT, [id])).toBe(1);
      },
      ${PEOPLE[scope].superadmin},
    ));

  it("is denied without signing in", () =>
    db.asAnonymous((request) =>
      expect(request.attempt(SELECT, [id])).rejects.toMatchObject({ code: "42501" }),
    ));
});`;
}

function insertTests({ name, scope }: NewTable): string {
  const { onlyReader, superadmin } = PEOPLE[scope];
  return `\
describe("inserting into ${name}", () => {
  it.each(WRITERS)("can be done by %s", (_title, who) =>
    db.asUser(who(world), async (request) => {
      expect(await request.attempt(INSERT, values(world.here))).toBe(1);
    }),
  );

  it.each([
    ["somebody who only reads", (world) => world.${onlyReader}],
    ...STRANGERS,
  ] satisfies Who[])("is denied to %s", (_title, who) =>
    db.asUser(who(world), (request) =>
      expect(request.attempt(INSERT, values(world.here))).rejects.toMatchObject({ code: "42501" }),
    ),
  );

  it("is denied to a superadmin, whatever for", () =>
    db.asUser(
      world.superadmin,
      (request) =>
        expect(request.attempt(INSERT, values(world.here))).rejects.toMatchObject({ code: "42501" }),
      ${superadmin},
    ));

  it("is denied without signing in", () =>
    db.asAnonymous((request) =>
      expect(request.attempt(INSERT, values(world.here))).rejects.toMatchObject({ code: "42501" }),
    ));
});`;
}

function updateTests(table: NewTable): string {
  const { name, scope } = table;
  if (changeableColumns(table).length === 0) {
    return `\
it.each([...READERS, ...STRANGERS])("updating ${name} is denied to %s", (_title, who) =>
  db.asUser(who(world), (request) =>
    expect(
      request.attempt("update app_public.${name} set organization_id = organization_id"),
    ).rejects.toMatchObject({ code: "42501" }),
  ),
);`;
  }
  return `\
describe("updating ${name}", () => {
  it.each(WRITERS)("can be done by %s", (_title, who) =>
    db.asUser(who(world), async (request) => {
      expect(await request.attempt(UPDATE, [id])).toBe(1);
    }),
  );

  it.each([
    ["somebody who only reads", (world) => world.${PEOPLE[scope].onlyReader}],
    ...STRANGERS,
    ["a superadmin", (world) => world.superadmin],
  ] satisfies Who[])("touches nothing for %s", (_title, who) =>
    db.asUser(who(world), async (request) => {
      expect(await request.attempt(UPDATE, [id])).toBe(0);
    }),
  );

  it("is denied without signing in", () =>
    db.asAnonymous((request) =>
      expect(request.attempt(UPDATE, [id])).rejects.toMatchObject({ code: "42501" }),
    ));
});`;
}

function remainingTests(table: NewTable): string {
  const { name } = table;
  const tests = [
    `\
it.each([...READERS, ...STRANGERS])("deleting from ${name} is denied to %s", (_title, who) =>
  db.asUser(who(world), (request) =>
    expect(request.attempt(DELETE, [id])).rejects.toMatchObject({ code: "42501" }),
  ),
);`,
    `\
it("a row of ${name} cannot be moved to another tenant, not even by a superuser", () =>
  db.inTransaction(async (client) => {
    await expect(
      client.query("update app_public.${name} set organization_id = $2 where id = $1", [id, world.foreign]),
    ).rejects.toMatchObject({ code: "BADIN" });
  }));`,
    `\
it("a row of ${name} is on record from its first moment", async () => {
  const { rows } = await db.superuser.query("select command from app_audit.events where row_id = $1", [id]);
  expect(rows).toEqual([{ command: "INSERT" }]);
});`,
  ];
  if (filledColumns(table).some((column) => refersTo(column) !== undefined)) {
    const count = tenantColumns(table).length;
    tests.push(`\
it("a row of ${name} cannot refer to anything of another organization", () =>
  db.inTransaction(async (client) => {
    const mixed = [...values(world.here).slice(0, ${count}), ...values(world.abroad).slice(${count})];
    await expect(client.query(INSERT, mixed)).rejects.toMatchObject({ code: "23503" });
  }));`);
  }
  return tests.join("\n\n");
}
