import type { CopyRow } from "../copyRows.ts";
import type { FieldReader } from "./FieldReader.ts";

/** One file of a Synthea CSV export, and the temporary table that holds its rows until they are written. */
export interface SyntheaFile {
  name: string;
  isOptional: boolean;
  /** What is read of it; the file holds more, the social security numbers among them, which are never taken in. */
  columns: readonly string[];
  table: string;
  /** Column → type of the table, in the order of `read`. Every table also has line, reason and detail. */
  staged: Readonly<Record<string, string>>;
  read(fields: FieldReader): CopyRow;
}

const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;
/** As the constraint of app_public.appointments says. */
const LONGEST_APPOINTMENT_DAYS = 7;

/** As the triggers of app_public.patients say. */
const EARLIEST_BIRTH = "1880-01-01";

const ORGANIZATIONS: SyntheaFile = {
  name: "organizations.csv",
  isOptional: false,
  columns: ["ID", "NAME", "CITY", "STATE"],
  table: "pg_temp.staged_organizations",
  staged: { id: "uuid", name: "text", city: "text", state: "text" },
  read: (fields) => [fields.uuid("ID"), fields.name("NAME"), fields.name("CITY"), fields.text("STATE") ?? ""],
};

const PROVIDERS: SyntheaFile = {
  name: "providers.csv",
  isOptional: false,
  columns: ["ID", "ORGANIZATION", "NAME", "SPECIALITY"],
  table: "pg_temp.staged_providers",
  staged: { id: "uuid", organization_id: "uuid", display_name: "text", speciality: "text" },
  read: (fields) => [
    fields.uuid("ID"),
    fields.uuid("ORGANIZATION"),
    fields.personName("NAME"),
    fields.text("SPECIALITY"),
  ],
};

const PATIENTS: SyntheaFile = {
  name: "patients.csv",
  isOptional: false,
  columns: ["ID", "BIRTHDATE", "DEATHDATE", "FIRST", "LAST", "GENDER", "ADDRESS", "CITY", "STATE", "ZIP"],
  table: "pg_temp.staged_patients",
  staged: {
    id: "uuid",
    given_name: "text",
    family_name: "text",
    birth_date: "date",
    death_date: "date",
    sex: "app_public.patient_sex",
    address: "text",
    city: "text",
    region: "text",
    postal_code: "text",
  },
  read(fields) {
    const birthDate = fields.day("BIRTHDATE");
    const deathDate = fields.optionalDay("DEATHDATE");
    for (const [column, day] of [
      ["BIRTHDATE", birthDate],
      ["DEATHDATE", deathDate],
    ] as const) {
      if (day !== null && (day < EARLIEST_BIRTH || Date.parse(day) > Date.now())) {
        fields.refuse("invalid_value", `${column} must be between 1880 and today`);
      }
    }
    if (birthDate !== null && deathDate !== null && deathDate < birthDate) {
      fields.refuse("invalid_value", "DEATHDATE must not be before BIRTHDATE");
    }
    return [
      fields.uuid("ID"),
      fields.personName("FIRST"),
      fields.personName("LAST"),
      birthDate,
      deathDate,
      sexOf(fields.text("GENDER")),
      fields.text("ADDRESS"),
      fields.text("CITY"),
      fields.text("STATE"),
      fields.text("ZIP"),
    ];
  },
};

const PAYERS: SyntheaFile = {
  name: "payers.csv",
  isOptional: true,
  columns: ["ID", "NAME"],
  table: "pg_temp.staged_payers",
  staged: { id: "uuid", name: "text" },
  read: (fields) => [fields.uuid("ID"), fields.name("NAME")],
};

const ENCOUNTERS: SyntheaFile = {
  name: "encounters.csv",
  isOptional: false,
  columns: [
    "ID",
    "START",
    "STOP",
    "PATIENT",
    "ORGANIZATION",
    "PROVIDER",
    "PAYER",
    "ENCOUNTERCLASS",
    "DESCRIPTION",
    "TOTAL_CLAIM_COST",
    "REASONDESCRIPTION",
  ],
  table: "pg_temp.staged_encounters",
  staged: {
    id: "uuid",
    started_at: "timestamptz",
    ended_at: "timestamptz",
    patient_id: "uuid",
    organization_id: "uuid",
    provider_id: "uuid",
    payer_id: "uuid",
    kind: "text",
    description: "text",
    cost_cents: "bigint",
    reason_description: "text",
  },
  read(fields) {
    const startedAt = fields.time("START");
    const endedAt = fields.time("STOP");
    if (startedAt !== null && endedAt !== null) {
      const duration = Date.parse(endedAt) - Date.parse(startedAt);
      if (duration <= 0) {
        fields.refuse("no_duration", "STOP must be later than START");
      } else if (duration > LONGEST_APPOINTMENT_DAYS * DAY_MILLISECONDS) {
        fields.refuse("too_long", `STOP must be at most ${LONGEST_APPOINTMENT_DAYS} days after START`);
      }
    }
    return [
      fields.uuid("ID"),
      startedAt,
      endedAt,
      fields.uuid("PATIENT"),
      fields.uuid("ORGANIZATION"),
      fields.uuid("PROVIDER"),
      fields.optionalUuid("PAYER"),
      fields.text("ENCOUNTERCLASS"),
      fields.text("DESCRIPTION"),
      fields.cents("TOTAL_CLAIM_COST"),
      fields.text("REASONDESCRIPTION"),
    ];
  },
};

function sexOf(gender: string | null): string {
  return { F: "female", M: "male", O: "other" }[gender?.toUpperCase() ?? ""] ?? "unknown";
}

/** In the order in which they are read. */
export const SYNTHEA_FILES: readonly SyntheaFile[] = [ORGANIZATIONS, PROVIDERS, PATIENTS, PAYERS, ENCOUNTERS];
