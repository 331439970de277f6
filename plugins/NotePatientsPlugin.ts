import "graphile-build-pg";

import { constant, type Step } from "grafast";
import { getNamedType, isLeafType } from "graphql";
import type { PgResource } from "postgraphile/@dataplan/pg";

import { bound, type Plan } from "./bound.ts";
import { NotedValueStep } from "./NotedValueStep.ts";
import { columnOf, keepCoordinates, sensitiveFunctions } from "./sensitiveCoordinates.ts";

/** A row of a table, or of what a change of it returned. */
type Row = Step & { get(attributeName: string): Step };

/** What a field shows of a row, and which column of the row says whose it is. */
interface Noted {
  fieldName: string;
  column: string;
  hasOrganization: boolean;
  /** The patient's id, the id of a care session, which names its patient, or nothing. */
  patient: "id" | "patient_id" | "care_session_id" | null;
}

const PATIENTS = "patients";

/** @param plan null: a column whose name is the field's has no plan of its own. */
export function planNoted(
  { fieldName, column, hasOrganization, patient }: Noted,
  { plan, sessions }: { plan: Plan | null; sessions: PgResource | null },
  ...planArguments: Parameters<Plan>
) {
  const [$row] = planArguments;
  const get = (attributeName: string) => ($row as Row).get(attributeName);
  const $null = constant(null);
  const $value = plan ? plan(...planArguments) : get(fieldName);
  const $organization = hasOrganization ? get("organization_id") : $null;
  const $patient =
    patient === "care_session_id"
      ? (sessions?.get({ id: get(patient) }).get("patient_id") ?? $null)
      : patient
        ? get(patient)
        : $null;
  return new NotedValueStep(column, { $value, $organization, $patient });
}

/**
 * Every field whose value comes from a column of patient data (`@sensitivity phi` in its comment) notes whose record it read,
 * while the plan runs. RecordRequestsPlugin puts it on record.
 */
export const NotePatientsPlugin: GraphileConfig.Plugin = {
  name: "NotePatientsPlugin",
  description: "Notes which patients' data a request reads",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, build, { scope, Self }) {
        const codec = scope.isPgClassType ? scope.pgCodec : undefined;
        if (!codec?.attributes || !isLeafType(getNamedType(field.type))) {
          return field;
        }
        const attributeName = Object.keys(codec.attributes).find(
          (each) =>
            scope.fieldName === build.inflection.attribute({ attributeName: each, codec: codec as never }),
        );
        const column = attributeName
          ? columnOf(codec, attributeName)
          : sensitiveFunctions(build).get(`${Self.name}.${scope.fieldName}`);
        if (!column) {
          return field;
        }
        const noted: Noted = {
          fieldName: scope.fieldName,
          column,
          hasOrganization: "organization_id" in codec.attributes,
          patient: patientColumn(codec),
        };
        const sessions = noted.patient === "care_session_id" ? build.pgResources.care_sessions : undefined;
        const parts = { plan: (field.plan as Plan | undefined) ?? null, sessions: sessions ?? null };
        return { ...field, plan: bound(planNoted, noted, parts) };
      },
      finalize(schema, build) {
        keepCoordinates(schema, build);
        return schema;
      },
    },
  },
};

/** A row of a table without any of these is about no patient. */
function patientColumn({ name, attributes }: { name: string; attributes?: object }): Noted["patient"] {
  if (name === PATIENTS) {
    return "id";
  }
  return (["patient_id", "care_session_id"] as const).find((each) => each in (attributes ?? {})) ?? null;
}
