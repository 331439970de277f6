import type { Journey, Visitor } from "./useJourney.ts";
import { codeIn } from "./useJourney.ts";

/** Somebody founds an organization; its id. */
export async function found(journey: Journey, owner: Visitor, name: string): Promise<string> {
  const { createOrganization } = await journey.get(
    owner,
    `mutation ($name: String!, $slug: String!) {
      createOrganization(input: { name: $name, slug: $slug }) { result { rowId } }
    }`,
    { name, slug: name.toLowerCase().replaceAll(" ", "-") },
  );
  return createOrganization.result.rowId;
}

/** An owner opens a clinic; its id. */
export async function openClinic(
  journey: Journey,
  owner: Visitor,
  organizationId: string,
  name: string,
): Promise<string> {
  const { createClinic } = await journey.get(owner, CREATE_CLINIC, { clinic: { organizationId, name } });
  return createClinic.clinic.rowId;
}

export const CREATE_CLINIC = `mutation ($clinic: ClinicInput!) {
  createClinic(input: { clinic: $clinic }) { clinic { rowId } }
}`;

export interface Post {
  organizationId: string;
  clinicId: string;
  clinicRole: "CLINIC_ADMIN" | "PROVIDER" | "STAFF" | "VIEWER";
}

/** Invites somebody who has an account into a clinic, and lets them accept with the code from their mail. */
export async function employ(journey: Journey, owner: Visitor, person: Visitor, post: Post): Promise<void> {
  await journey.get(owner, INVITE, { email: person.email, ...post });
  const code = codeIn(await journey.work(), person.email, "invitation");
  await journey.get(person, ACCEPT, { code });
}

export const INVITE = `mutation ($email: String!, $organizationId: UUID!, $clinicId: UUID!, $clinicRole: ClinicRole!) {
  inviteMember(input: { email: $email, organizationId: $organizationId, clinicId: $clinicId, clinicRole: $clinicRole }) {
    result { invitationId expiresAt }
  }
}`;
export const ACCEPT = `mutation ($code: String!) { acceptInvitation(input: { code: $code }) { result { role } } }`;

/** A patient of a clinic; its id. */
export async function admit(
  journey: Journey,
  receptionist: Visitor,
  { organizationId, clinicId, mrn }: { organizationId: string; clinicId: string; mrn: string },
): Promise<string> {
  const patient = {
    organizationId,
    homeClinicId: clinicId,
    mrn,
    givenName: "Pat",
    familyName: "Ient",
    birthDate: "1990-01-01",
  };
  const { createPatient } = await journey.get(receptionist, CREATE_PATIENT, { patient });
  return createPatient.patient.rowId;
}

export const CREATE_PATIENT = `mutation ($patient: PatientInput!) {
  createPatient(input: { patient: $patient }) { patient { rowId } }
}`;
