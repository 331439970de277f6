import { beforeAll, describe, expect, it } from "@jest/globals";
import { Client } from "pg";

import type { AccessScope } from "../../../src/access/accessScope.ts";
import { chooseMutants } from "../../../src/access/mutate/chooseMutants.ts";
import { generateMutants, type Mutant } from "../../../src/access/mutate/generateMutants.ts";
import { loadOperators } from "../../../src/access/mutate/operators.ts";
import { useTestDatabase } from "../../support/database.ts";
import { SMALL_SCHEMA } from "./smallSchema.ts";

const SCOPE: AccessScope = {
  schemas: ["small"],
  exposedSchemas: ["small"],
  requestRoles: ["app_user", "app_anonymous"],
  loginRoles: ["app_authenticator"],
  tenantColumns: ["tenant_id", "part_id"],
};

const db = useTestDatabase();
const operators = await loadOperators();
let client: Client;
let mutants: Mutant[];

beforeAll(async () => {
  await db.superuser.query(SMALL_SCHEMA);
  client = new Client({ connectionString: db.urls.superuser });
  await client.connect();
  db.beforeDrop(() => client.end());
  mutants = await generateMutants(client, SCOPE, operators);
});

/** What an operator makes of the small schema. */
const made = (operator: string) =>
  Object.fromEntries(
    mutants.filter((mutant) => mutant.operator === operator).map(({ object, sql }) => [object, sql]),
  );

describe("the operators", () => {
  it.each(operators.map(({ name }) => name))("%s finds something in the small schema", (name) => {
    expect(Object.keys(made(name))).not.toEqual([]);
  });

  it("make mutants with names of their own", () => {
    const names = mutants.map(({ operator, object }) => `${operator} ${object}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it("make SQL that runs", async () => {
    for (const { sql } of mutants) {
      await client.query("begin");
      await client.query(sql);
      await client.query("rollback");
    }
  });
});

describe("of the small schema", () => {
  it("drops, opens, negates and widens each policy", () => {
    expect(made("policy_dropped")["small.notes.read_own"]).toBe("drop policy read_own on small.notes");
    expect(made("policy_using_true")["small.notes.read_own"]).toBe(
      "alter policy read_own on small.notes using (true)",
    );
    expect(made("policy_using_negated")["small.notes.read_own"]).toMatch(/using \(not \(\(+tenant_id = /);
    expect(made("policy_to_public")["small.notes.read_own"]).toBe(
      "alter policy read_own on small.notes to public",
    );
    expect(made("policy_made_permissive")["small.notes.tenant_boundary"]).toMatch(
      /^drop policy tenant_boundary .* as permissive for all to app_user using \(/,
    );
  });

  it("forgets each condition of a policy, and takes one column for the other", () => {
    expect(Object.keys(made("policy_condition_forgotten"))).toEqual([
      "small.notes.read_own using: (tenant_id = ANY (ARRAY( SELECT small.my_tenants() AS my_tenants)))",
      "small.notes.read_own using: (part_id IS NOT NULL)",
    ]);
    expect(made("policy_tenant_swapped")["small.notes.read_own using"]).toContain("part_id = ANY");
  });

  it("forgets what a helper asks, and lets it return everything", () => {
    const forgotten = made("function_condition_forgotten");
    expect(Object.keys(forgotten)).toContain("small.my_tenants(): m.active");
    expect(forgotten["small.my_tenants(): m.active"]).toContain("and true");
    expect(Object.keys(made("helper_all_ids"))).toEqual(["small.my_tenants() of small.tenants"]);
    expect(Object.keys(made("helper_true"))).toEqual(["small.is_open()"]);
  });

  it("lets keys forget the tenant", () => {
    expect(Object.values(made("foreign_key_without_tenant"))).toContain(
      "alter table small.notes drop constraint notes_parent_fkey, " +
        "add constraint notes_parent_fkey foreign key (parent_id) references small.notes (id)",
    );
    expect(made("unique_without_tenant")).toEqual({
      "small.notes_tenant_id_title_key":
        "alter table small.notes drop constraint notes_tenant_id_title_key cascade; create unique index on small.notes (title)",
    });
  });

  it("does not make a mutant that changes nothing", () => {
    expect(made("policy_using_true")).not.toHaveProperty("small.tenants.read_all");
    expect(made("role_attribute")).not.toHaveProperty("app_user inherit");
    expect(made("function_granted_to_public")).not.toHaveProperty("small.record()");
  });
});

describe("choosing", () => {
  it("takes an operator, an object or both, with * for anything", () => {
    const names = (...only: string[]) =>
      chooseMutants(mutants, { only }).map(({ operator, object }) => `${operator} ${object}`);
    expect(names("policy_dropped")).toHaveLength(Object.keys(made("policy_dropped")).length);
    expect(names("small.notes.read_own")).toContain("policy_dropped small.notes.read_own");
    expect(names("policy_dropped *notes.read_ow*")).toEqual(["policy_dropped small.notes.read_own"]);
    expect(names("policy_dropped *notes.read_ow*", "policy_dropped *notes.read_op*")).toHaveLength(2);
  });

  it("cannot be of what is not there, even beside what is: a run of nothing would pass", () => {
    const idle = "policy_dropped small.notes.read.own";
    expect(() => chooseMutants(mutants, { only: [idle, "policy_dropped"] })).toThrow(
      `No mutant's operator or object is '${idle}'`,
    );
  });

  it("takes the same sample for the same seed, and another for another", () => {
    const sample = (seed: number) => chooseMutants(mutants, { sample: 10, seed });
    expect(sample(1)).toHaveLength(10);
    expect(sample(1)).toEqual(sample(1));
    expect(sample(1)).not.toEqual(sample(2));
    expect(chooseMutants(mutants, { sample: 1_000_000 })).toEqual(mutants);
  });
});
