import "graphile-build-pg";

import { constant, type Step } from "grafast";
import { getNamedType, isLeafType } from "graphql";

import { NotedValueStep } from "./NotedValueStep.ts";
import { columnOf, keepCoordinates, sensitiveFunctions } from "./sensitiveCoordinates.ts";

/** A row of a table, or of what a change of it returned. */
type Row = Step & { get(attributeName: string): Step };
type Attributes = Readonly<Record<string, unknown>>;

const PATIENTS = "patients";

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
        const { attributes, name } = codec;
        return {
          ...field,
          plan($row, ...planArguments) {
            const plan = field.plan as ((...each: unknown[]) => Step) | undefined;
            // A column whose name is the field's has no plan of its own.
            const $value = plan ? plan($row, ...planArguments) : ($row as Row).get(scope.fieldName);
            return new NotedValueStep(column, {
              $value,
              ...whoseRow($row as Row, { attributes, name }, build),
            });
          },
        };
      },
      finalize(schema, build) {
        keepCoordinates(schema, build);
        return schema;
      },
    },
  },
};

/** Steps of the ids of a row's organization and patient; a transcript names its care session, and that the patient. */
function whoseRow(
  $row: Row,
  { attributes, name }: { attributes: Attributes; name: string },
  { pgResources }: GraphileBuild.Build,
): { $organization: Step; $patient: Step } {
  const $null = constant(null);
  const $organization = "organization_id" in attributes ? $row.get("organization_id") : $null;
  const sessions = pgResources.care_sessions;
  if (name === PATIENTS) {
    return { $organization, $patient: $row.get("id") };
  }
  if ("patient_id" in attributes) {
    return { $organization, $patient: $row.get("patient_id") };
  }
  return "care_session_id" in attributes && sessions
    ? { $organization, $patient: sessions.get({ id: $row.get("care_session_id") }).get("patient_id") }
    : { $organization, $patient: $null };
}
