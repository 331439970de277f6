import { type SQL, sql } from "pg-sql2";

import type { RowScope } from "./RowScope.ts";

const PATIENTS = "patients";
const CARE_SESSIONS = "care_sessions";

/**
 * `organization/patient` of a row: whose record it is of. The same as NotePatientsPlugin notes; a transcript names its care
 * session, and that the patient.
 */
export function ownerOf(row: RowScope): SQL {
  const { rows } = row;
  const { attributes } = rows.codec;
  const organization = "organization_id" in attributes ? row.column("organization_id") : sql`null`;
  return sql`concat(${organization}, '/', ${patientOf(row)})`;
}

function patientOf(row: RowScope): SQL {
  const { rows } = row;
  const { attributes, name } = rows.codec;
  const sessions = rows.registry.pgResources[CARE_SESSIONS];
  if (name === PATIENTS) {
    return row.column("id");
  }
  if ("patient_id" in attributes) {
    return row.column("patient_id");
  }
  return "care_session_id" in attributes && sessions
    ? sql`(select s.patient_id from ${sessions.from as SQL} as s where s.id = ${row.column("care_session_id")})`
    : sql`null`;
}
