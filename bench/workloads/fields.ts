/** What is asked of a patient, in every workload that shows one. */
export const PATIENT_FIELDS = "mrn givenName familyName birthDate sex phone city createdAt";

/** The uuid of a row: PostGraphile 4 calls it `id`. */
export const rowId = (dialect: string) => (dialect === "postgraphile4" ? "rowId: id" : "rowId");
