import { readFile } from "node:fs/promises";

import { describe, expect, it } from "@jest/globals";
import {
  buildSchema,
  type GraphQLField,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isObjectType,
  isSpecifiedScalarType,
} from "graphql";

import { firstDifference, printApi, SCHEMA_FILE } from "../../src/commands/schema.ts";
import { parseDeprecationReason } from "../../src/versions/findDeprecation.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
const committed = await readFile(SCHEMA_FILE, "utf8");
const schema: GraphQLSchema = buildSchema(committed);

/** The names of everything in the API without a description. */
function undescribed(): string[] {
  const missing: string[] = [];
  const note = (name: string, { description }: { description?: string | null }) => {
    if (!description) {
      missing.push(name);
    }
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith("__") || isSpecifiedScalarType(type)) {
      continue;
    }
    note(type.name, type);
    if (isEnumType(type)) {
      type.getValues().forEach((value) => note(`${type.name}.${value.name}`, value));
    }
    if (isObjectType(type) || isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) {
        note(`${type.name}.${field.name}`, field);
        const { args = [] } = field as Partial<GraphQLField<unknown, unknown>>;
        args.forEach((argument) => note(`${type.name}.${field.name}(${argument.name}:)`, argument));
      }
    }
  }
  return missing;
}

const fieldsOf = (typeName: string) => {
  const type = schema.getType(typeName);
  return isObjectType(type) || isInputObjectType(type) ? Object.keys(type.getFields()) : [];
};

const linesWith = (pattern: RegExp) => committed.split("\n").filter((line) => pattern.test(line));

describe("schema.graphql", () => {
  it("is what the migrations make (else: npx bailiwick schema export)", async () => {
    expect(firstDifference(committed, await printApi(db.urls.gateway))).toBeNull();
  });

  it("says of everything deprecated since when, and when it will be removed", () => {
    const reasons = linesWith(/@deprecated/).map((line) => /reason: "(.*)"\)/.exec(line)?.[1] ?? "");
    expect(reasons.filter((reason) => parseDeprecationReason(reason) === null)).toEqual([]);
  });

  it("describes everything", () => {
    expect(undescribed()).toEqual([]);
  });

  it("names relations as people do", () => {
    expect(fieldsOf("Appointment")).toEqual(
      expect.arrayContaining(["id", "rowId", "patient", "provider", "clinic"]),
    );
    expect(fieldsOf("Patient")).toEqual(
      expect.arrayContaining(["appointments", "homeClinic", "organization"]),
    );
    expect(fieldsOf("ClinicMembership")).toEqual(
      expect.arrayContaining(["clinic", "organizationMembership"]),
    );
    expect(linesWith(/ByOrganizationId|OrganizationIdAnd/)).toEqual([]);
  });

  it("shows no secret, and nothing that a signed-in person has no privilege for", () => {
    expect(linesWith(/^\s+(passwordHash|codeHash|authSession|userIdentit)/i)).toEqual([]);
    // A link's token is made by the client, which hands its hash in; nothing hands it out.
    expect(linesWith(/^\s+tokenHash/)).toHaveLength(1);
    expect(fieldsOf("ShareTokenInput")).toContain("tokenHash");
    expect(fieldsOf("UserPatch")).not.toContain("isSuperadmin");
    expect(fieldsOf("PatientPatch")).not.toContain("organizationId");
  });

  it("removes only what is entered by hand, kept for oneself or no record: the rest is ended, and stays", () => {
    expect(fieldsOf("Mutation").filter((name) => name.startsWith("delete"))).toEqual([
      "deleteAppointmentMetric",
      "deleteCallMetric",
      "deleteEncryptedCycleRecord",
      "deleteEncryptedUserPref",
      "deleteFinancialMetric",
      "deleteGoal",
      "deleteGoalTemplate",
      "deleteHealthcareShareRecord",
      "deleteIntegration",
      "deletePatientMetric",
      "deleteResourceShare",
      "deleteWebhookEndpoint",
      "deleteWrappedKey",
    ]);
  });

  it("takes uuids and never node ids as references", () => {
    expect(fieldsOf("CareSessionInput")).toEqual(expect.arrayContaining(["patientId", "clinicId"]));
    expect(fieldsOf("CareSessionInput")).not.toContain("patient");
  });

  it("groups and counts by indexed columns and sums numbers only", () => {
    expect(fieldsOf("CareSessionSumAggregates")).toEqual(["costCents"]);
    expect(fieldsOf("PatientDistinctCountAggregates")).not.toContain("address");
    expect(fieldsOf("PatientFilter")).not.toContain("address");
  });
});
