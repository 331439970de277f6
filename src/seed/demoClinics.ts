import { demoId } from "./demoId.ts";
import { type DemoPersonName, demoUserId } from "./demoPeople.ts";

/** Rows by table, as JSON for `jsonb_populate_recordset`; all rows of a table have the same columns. */
export type DemoRows = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

interface DemoClinic {
  organization: "acme" | "tech";
  name: string;
  timezone: string;
}

const ORGANIZATIONS = {
  acme: { name: "Acme Corp", slug: "acme-corp" },
  tech: { name: "Tech Startup Inc", slug: "tech-startup-inc" },
} as const;

const CLINICS = {
  downtown: { organization: "acme", name: "Acme Downtown", timezone: "America/Toronto" },
  riverside: { organization: "acme", name: "Acme Riverside", timezone: "America/Toronto" },
  startup: { organization: "tech", name: "Startup Health", timezone: "America/Vancouver" },
} as const satisfies Record<string, DemoClinic>;

export type DemoClinicName = keyof typeof CLINICS;

/** The tenant columns of a row of this clinic. */
export function inClinic(clinic: DemoClinicName): { organization_id: string; clinic_id: string } {
  return {
    organization_id: organizationId(CLINICS[clinic].organization),
    clinic_id: demoId(`clinic/${clinic}`),
  };
}

function organizationId(organization: DemoClinic["organization"]): string {
  return demoId(`organization/${organization}`);
}

const ORGANIZATION_MEMBERS: [DemoPersonName, DemoClinic["organization"], string][] = [
  ["alice", "acme", "owner"],
  ["carol", "acme", "member"],
  ["dan", "acme", "member"],
  ["erin", "acme", "viewer"],
  ["bob", "tech", "owner"],
];

const CLINIC_MEMBERS: [DemoPersonName, DemoClinicName, string, string, string | null][] = [
  ["alice", "downtown", "provider", "Dr. Alice Martin", "Family Practice"],
  ["dan", "downtown", "staff", "Dan Kowalski", null],
  ["erin", "downtown", "viewer", "Erin Walsh", null],
  ["carol", "riverside", "provider", "Dr. Carol Roy", "Physical Therapy"],
  ["bob", "startup", "provider", "Dr. Bob Singh", "Internal Medicine"],
];

export const DEMO_ORGANIZATION_IDS = [organizationId("acme"), organizationId("tech")];

/** Two organizations, three clinics, and who works there. */
export const DEMO_CLINICS: DemoRows = {
  organizations: Object.entries(ORGANIZATIONS).map(([key, row]) => ({
    id: demoId(`organization/${key}`),
    ...row,
    settings: {},
  })),
  clinics: Object.entries(CLINICS).map(([key, { organization, name, timezone }]) => ({
    id: demoId(`clinic/${key}`),
    organization_id: organizationId(organization),
    name,
    timezone,
  })),
  organization_memberships: ORGANIZATION_MEMBERS.map(([person, organization, role]) => ({
    id: demoId(`organization_membership/${organization}/${person}`),
    organization_id: organizationId(organization),
    user_id: demoUserId(person),
    role,
  })),
  clinic_memberships: CLINIC_MEMBERS.map(([person, clinic, role, displayName, speciality]) => ({
    id: demoId(`clinic_membership/${clinic}/${person}`),
    ...inClinic(clinic),
    user_id: demoUserId(person),
    role,
    display_name: displayName,
    speciality,
  })),
};
