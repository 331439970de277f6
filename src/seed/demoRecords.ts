import { type DemoClinicName, type DemoRows, inClinic } from "./demoClinics.ts";
import { demoId } from "./demoId.ts";
import { type DemoPersonName, demoUserId } from "./demoPeople.ts";

interface DemoPatient {
  clinic: DemoClinicName;
  mrn: string;
  name: [given: string, family: string];
  birthDate: string;
  sex: "female" | "male" | "other" | "unknown";
  city: string;
  region: string;
}

/** `pat` is the only one with an account; `sam` of Acme Riverside is shared with Acme Downtown. */
const PATIENTS = {
  pat: {
    clinic: "downtown",
    mrn: "AC-1001",
    name: ["Pat", "Nguyen"],
    birthDate: "1988-04-12",
    sex: "other",
    city: "Toronto",
    region: "Ontario",
  },
  marie: {
    clinic: "downtown",
    mrn: "AC-1002",
    name: ["Marie", "Tremblay"],
    birthDate: "1954-11-30",
    sex: "female",
    city: "Toronto",
    region: "Ontario",
  },
  jean: {
    clinic: "downtown",
    mrn: "AC-1003",
    name: ["Jean", "Lavoie"],
    birthDate: "2016-02-29",
    sex: "male",
    city: "Toronto",
    region: "Ontario",
  },
  sam: {
    clinic: "riverside",
    mrn: "AC-2001",
    name: ["Sam", "Okafor"],
    birthDate: "1979-08-03",
    sex: "male",
    city: "Hamilton",
    region: "Ontario",
  },
  lucy: {
    clinic: "riverside",
    mrn: "AC-2002",
    name: ["Lucy", "Chen"],
    birthDate: "1995-01-17",
    sex: "female",
    city: "Hamilton",
    region: "Ontario",
  },
  tom: {
    clinic: "startup",
    mrn: "TS-1",
    name: ["Tom", "Becker"],
    birthDate: "1969-06-21",
    sex: "male",
    city: "Vancouver",
    region: "British Columbia",
  },
  ana: {
    clinic: "startup",
    mrn: "TS-2",
    name: ["Ana", "Souza"],
    birthDate: "2001-12-09",
    sex: "female",
    city: "Vancouver",
    region: "British Columbia",
  },
} as const satisfies Record<string, DemoPatient>;

type DemoPatientName = keyof typeof PATIENTS;

const PROVIDERS: Record<DemoClinicName, DemoPersonName> = {
  downtown: "alice",
  riverside: "carol",
  startup: "bob",
};

interface DemoVisit {
  patient: DemoPatientName;
  /** A clinic that the patient is shared with; without one, the patient's home clinic. */
  clinic?: DemoClinicName;
  startsAt: string;
  minutes: number;
  status: "booked" | "completed" | "cancelled" | "no_show";
  reason: string;
  /** What was done, where something was. */
  summary?: string;
  costCents?: number;
}

/**
 * On fixed days, so that every run makes the same rows and examples can quote them: what is past lies early in 2026, what
 * is to come in the summer of 2027.
 */
const VISITS: DemoVisit[] = [
  {
    patient: "pat",
    startsAt: "2026-02-03T14:00:00Z",
    minutes: 30,
    status: "completed",
    reason: "Persistent cough",
    summary: "Acute bronchitis, no antibiotics; come back if it lasts.",
    costCents: 7749,
  },
  {
    patient: "pat",
    startsAt: "2027-06-08T14:00:00Z",
    minutes: 30,
    status: "booked",
    reason: "Yearly check-up",
  },
  {
    patient: "marie",
    startsAt: "2026-02-03T15:00:00Z",
    minutes: 20,
    status: "completed",
    reason: "Blood pressure",
    summary: "140/85; dose unchanged.",
    costCents: 5200,
  },
  {
    patient: "marie",
    startsAt: "2027-06-08T15:00:00Z",
    minutes: 20,
    status: "booked",
    reason: "Blood pressure",
  },
  {
    patient: "jean",
    startsAt: "2026-03-10T13:30:00Z",
    minutes: 30,
    status: "no_show",
    reason: "Vaccination",
  },
  { patient: "jean", startsAt: "2027-06-09T13:30:00Z", minutes: 30, status: "booked", reason: "Vaccination" },
  {
    patient: "sam",
    startsAt: "2026-02-17T16:00:00Z",
    minutes: 45,
    status: "completed",
    reason: "Knee after surgery",
    summary: "Range of motion improving; exercises twice a day.",
    costCents: 9500,
  },
  {
    patient: "sam",
    clinic: "downtown",
    startsAt: "2027-06-10T14:00:00Z",
    minutes: 30,
    status: "booked",
    reason: "Second opinion",
  },
  { patient: "lucy", startsAt: "2027-06-15T16:00:00Z", minutes: 45, status: "booked", reason: "Back pain" },
  {
    patient: "tom",
    startsAt: "2026-02-24T18:00:00Z",
    minutes: 30,
    status: "completed",
    reason: "Diabetes review",
    summary: "HbA1c 7.1 %; metformin continued.",
    costCents: 12_900,
  },
  {
    patient: "tom",
    startsAt: "2027-06-22T18:00:00Z",
    minutes: 30,
    status: "booked",
    reason: "Diabetes review",
  },
  { patient: "ana", startsAt: "2027-06-22T19:00:00Z", minutes: 30, status: "cancelled", reason: "Migraine" },
];

const MINUTE_MILLISECONDS = 60_000;

export function patientId(name: DemoPatientName): string {
  return demoId(`patient/${name}`);
}

/** Of the visit that starts then, written as in VISITS. */
export function appointmentId(patient: DemoPatientName, startsAt: string): string {
  return demoId(`appointment/${patient}/${startsAt}`);
}

/** Of the visit that starts then, if something was done. */
export function careSessionId(patient: DemoPatientName, startsAt: string): string {
  return demoId(`care_session/${patient}/${startsAt}`);
}

export function homeClinicId(name: DemoPatientName): string {
  return inClinic(PATIENTS[name].clinic).clinic_id;
}

const visits = VISITS.map((visit) => {
  const { patient, clinic = PATIENTS[patient].clinic, startsAt, minutes } = visit;
  const endsAt = new Date(Date.parse(startsAt) + minutes * MINUTE_MILLISECONDS).toISOString();
  const shared = {
    ...inClinic(clinic),
    patient_id: patientId(patient),
    provider_id: demoUserId(PROVIDERS[clinic]),
  };
  return { ...visit, endsAt, shared, id: appointmentId(patient, startsAt) };
});

/** The patients of the demo clinics and their visits. */
export const DEMO_RECORDS: DemoRows = {
  patients: Object.entries(PATIENTS).map(([key, { clinic, mrn, name, birthDate, sex, city, region }]) => ({
    id: demoId(`patient/${key}`),
    organization_id: inClinic(clinic).organization_id,
    home_clinic_id: inClinic(clinic).clinic_id,
    mrn,
    given_name: name[0],
    family_name: name[1],
    birth_date: birthDate,
    sex,
    city,
    region,
    portal_user_id: key === "pat" ? demoUserId("pat") : null,
  })),
  patient_clinic_links: [
    {
      id: demoId("patient_clinic_link/sam"),
      ...inClinic("downtown"),
      patient_id: patientId("sam"),
      home_clinic_id: homeClinicId("sam"),
      access: "full_record",
    },
  ],
  appointments: visits.map(({ shared, id, startsAt, endsAt, status, reason }) => ({
    id,
    ...shared,
    during: `[${startsAt},${endsAt})`,
    status,
    kind: "visit",
    reason,
    cancelled_reason: status === "cancelled" ? "Feels better" : null,
  })),
  care_sessions: visits
    .filter(({ summary }) => summary !== undefined)
    .map(({ shared, id, patient, startsAt, endsAt, summary, costCents }) => ({
      id: careSessionId(patient, startsAt),
      ...shared,
      appointment_id: id,
      started_at: startsAt,
      ended_at: endsAt,
      status: "completed",
      kind: "visit",
      summary,
      cost_cents: costCents,
      payer_name: "OHIP",
    })),
};
