import { ADMINISTRATORS, type MatrixPart, ofOrganization, row, RUNS_CLINIC } from "./part.ts";

export const TENANCY: MatrixPart = {
  visible: {
    "app_public.organizations": row(1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 0, 1, 0, 0),
    "app_public.clinics": row(1, 1, 1, 1, 1, 1, 2, 2, 1, 4, 4, 0, 1, 0, 0),
    "app_public.organization_memberships": row(1, 1, 1, 1, 1, 1, 11, 11, 0, 16, 16, 0, 1, 0, 0),
    "app_public.clinic_memberships": row(5, 5, 5, 5, 4, 4, 9, 9, 5, 13, 13, 0, 5, 0, 0),
    "app_public.invitations": row(0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0),
  },
  writes: [
    {
      title: "rename the organization",
      sql: "update app_public.organizations set name = 'New' where id = $1",
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "open a clinic",
      sql: "insert into app_public.clinics (organization_id, name) values ($1, 'New')",
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "rename the clinic",
      sql: "update app_public.clinics set name = 'New' where id = $1",
      values: ({ here }) => [here.clinic.id],
      allowed: RUNS_CLINIC,
    },
    {
      title: "deactivate a member of the organization",
      sql: "update app_public.organization_memberships set active = false where organization_id = $1 and user_id = $2",
      values: ({ own, there }) => [own, there.staff.userId],
      allowed: ADMINISTRATORS,
    },
    {
      title: "make somebody an owner",
      sql: "update app_public.organization_memberships set role = 'owner' where organization_id = $1 and user_id = $2",
      values: ({ own, there }) => [own, there.staff.userId],
      allowed: ["owner"],
    },
    {
      title: "say who the privacy officer is",
      sql: "update app_public.organization_memberships set is_privacy_officer = true where organization_id = $1 and user_id = $2",
      values: ({ own, there }) => [own, there.staff.userId],
      allowed: ["owner"],
      refusals: ["DENYD"],
    },
    {
      title: "bring a colleague into the clinic",
      sql: `insert into app_public.clinic_memberships (organization_id, clinic_id, user_id, role, display_name)
        values ($1, $2, $3, 'viewer', 'Name')`,
      values: ({ own, here, there }) => [own, here.clinic.id, there.staff.userId],
      allowed: RUNS_CLINIC,
    },
    {
      title: "raise a colleague in the clinic",
      sql: "update app_public.clinic_memberships set role = 'clinic_admin' where clinic_id = $1 and user_id = $2",
      values: ({ here }) => [here.clinic.id, here.viewer.userId],
      allowed: RUNS_CLINIC,
    },
    {
      title: "invite a member",
      sql: `insert into app_public.invitations (organization_id, email, organization_role, code_hash, expires_at)
        values ($1, 'new@example.com', 'member', sha256('code'), now() + interval '1 day')`,
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "invite an owner",
      sql: `insert into app_public.invitations (organization_id, email, organization_role, code_hash, expires_at)
        values ($1, 'new@example.com', 'owner', sha256('code'), now() + interval '1 day')`,
      values: ofOrganization,
      allowed: ["owner"],
    },
    {
      title: "revoke an invitation",
      sql: "update app_public.invitations set revoked_at = now() where organization_id = $1",
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "let administrators read clinical records",
      sql: "update app_public.organizations set administrators_read_clinical = true where id = $1",
      values: ofOrganization,
      allowed: ["owner"],
      refusals: ["DENYD"],
    },
  ],
  refused: [
    "insert into app_public.organizations (name, slug) values ('x', 'x')",
    "insert into app_public.organization_memberships (organization_id, user_id, role) values (gen_random_uuid(), auth.uid(), 'owner')",
    "select code_hash from app_public.invitations",
    "update app_public.invitations set accepted_at = null",
  ],
};
