/** How much data there is to be in the end, and around which day. */
export interface VolumeShape {
  organizations: number;
  clinics: number;
  patients: number;
  appointments: number;
  /** Another seed makes other data beside the first. */
  seed: number;
  /** The day, as YYYY-MM-DD, that divides past appointments from those to come. */
  around: string;
}

export type VolumeStep = "tenants" | "patients" | "appointments";

/** What one transaction writes: rows `firstRow` to `lastRow` of each organization from the first to the last, counted from 1. */
export interface VolumeBatch {
  step: VolumeStep;
  firstOrganization: number;
  lastOrganization: number;
  firstRow: number;
  lastRow: number;
  /** How many rows that is, for the progress. */
  rows: number;
}

/** People of each clinic, in this order; `statements.ts` counts on the providers' places. */
export const CLINIC_STAFF = [
  "clinic_admin",
  "provider",
  "provider",
  "provider",
  "provider",
  "staff",
] as const;
/** They stand next to each other in CLINIC_STAFF. */
export const PROVIDERS = CLINIC_STAFF.filter((role) => role === "provider").length;
/** Half-hour slots of a working day. */
export const SLOTS_OF_A_DAY = 16;

/** Rows of a transaction: about a second of work, so that the bar moves and little is lost by an interruption. */
const BATCH_ROWS = 10_000;
/** A longer scope is a longer list for the policies to look a row's organization up in. */
const BATCH_ORGANIZATIONS = 50;
const MAXIMUM = { organizations: 10_000, clinics: 100_000, patients: 10_000_000, appointments: 100_000_000 };
/** Fifty years of working days, three of four of them in the past. */
const MAXIMUM_APPOINTMENTS_OF_PROVIDER = 50 * 52 * 5 * SLOTS_OF_A_DAY;

/** @throws one error that says every number that does not fit, and what would. */
export function assertShape(shape: VolumeShape): void {
  const problems: string[] = [];
  for (const [name, maximum] of Object.entries(MAXIMUM)) {
    const number = shape[name as keyof typeof MAXIMUM];
    const minimum = name === "organizations" || name === "clinics" ? 1 : 0;
    if (!Number.isSafeInteger(number) || number < minimum || number > maximum) {
      problems.push(`--${name} must be a whole number from ${minimum} to ${maximum}; got ${number}`);
    }
  }
  const { organizations, clinics, patients, appointments, seed, around } = shape;
  if (!Number.isSafeInteger(seed) || seed < 0) {
    problems.push(`--seed must be a whole number from 0 on; got ${seed}`);
  }
  if (!/^\d{4}-\d\d-\d\d$/.test(around) || Number.isNaN(Date.parse(around))) {
    problems.push(`--around must be a day such as 2026-01-31; got '${around}'`);
  }
  if (clinics < organizations) {
    problems.push(`--clinics must be at least --organizations (${organizations}); got ${clinics}`);
  }
  if (appointments > 0 && patients < clinics) {
    problems.push(
      `--patients must be at least --clinics (${clinics}), to have somebody to book; got ${patients}`,
    );
  }
  const capacity =
    Math.floor(clinics / organizations) * organizations * PROVIDERS * MAXIMUM_APPOINTMENTS_OF_PROVIDER;
  if (capacity > 0 && appointments > capacity) {
    problems.push(
      `--appointments must be at most ${capacity} with ${clinics} clinics of ${PROVIDERS} providers; got ${appointments}`,
    );
  }
  if (problems.length > 0) {
    throw new Error(problems.join("\n"));
  }
}

/** The share of an organization (counted from 1) of `total` rows: as even as whole numbers allow, the first ones more. */
export function shareOf(total: number, organizations: number, organization: number): number {
  return Math.floor(total / organizations) + (organization <= total % organizations ? 1 : 0);
}

/** All batches in the order in which they have to be written: step after step, within a step in any order. */
export function planBatches(shape: VolumeShape): VolumeBatch[] {
  return [
    ...planStep("tenants", shape.clinics, shape),
    ...planStep("patients", shape.patients, shape),
    ...planStep("appointments", shape.appointments, shape),
  ];
}

function planStep(step: VolumeStep, total: number, { organizations }: VolumeShape): VolumeBatch[] {
  const largest = shareOf(total, organizations, 1);
  if (largest === 0) {
    return [];
  }
  // The tenants of one organization are one batch: a clinic without its people would be none.
  const rowsOfBatch = step === "tenants" ? largest : Math.min(largest, BATCH_ROWS);
  const group = Math.min(BATCH_ORGANIZATIONS, Math.max(1, Math.floor(BATCH_ROWS / largest)));
  const batches: VolumeBatch[] = [];
  for (let firstRow = 1; firstRow <= largest; firstRow += rowsOfBatch) {
    const lastRow = Math.min(firstRow + rowsOfBatch - 1, largest);
    for (let firstOrganization = 1; firstOrganization <= organizations; firstOrganization += group) {
      const lastOrganization = Math.min(firstOrganization + group - 1, organizations);
      let rows = 0;
      for (let organization = firstOrganization; organization <= lastOrganization; organization++) {
        rows += Math.max(0, Math.min(lastRow, shareOf(total, organizations, organization)) - firstRow + 1);
      }
      if (rows > 0) {
        batches.push({ step, firstOrganization, lastOrganization, firstRow, lastRow, rows });
      }
    }
  }
  return batches;
}
