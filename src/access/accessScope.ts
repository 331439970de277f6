import type { ClientBase } from "pg";

/** What a check looks at, by name. */
export interface AccessScope {
  schemas: string[];
  /** Of those, the ones that the API serves. */
  exposedSchemas: string[];
  /** Roles that requests run as. */
  requestRoles: string[];
  /** Roles that connections sign in as before they become a request's. */
  loginRoles: string[];
  /** The tenant's column first, then columns that divide a tenant, for example `organization_id`, `clinic_id`. */
  tenantColumns: string[];
  /** As `server_version_num`; the server's own unless given. */
  serverVersion?: number;
}

/** Bailiwick's own layout, see docs/tenancy.md. */
export const OWN_ROLES = { requestRoles: ["app_anonymous", "app_user"], loginRoles: ["app_authenticator"] };
const OWN_EXPOSED_SCHEMAS = ["app_public", "app_vault"];
const OWN_TENANT_COLUMNS = ["organization_id", "clinic_id"];

/** What Supabase, PostgREST and PostGraphile projects call the roles of their requests. */
const USUAL_REQUEST_ROLES = /^(anon|anonymous|authenticated|web_?anon|web_?user)$/;
/** What they are called in projects that put their own name in front; asked only where there is none of the above. */
const PREFIXED_REQUEST_ROLES = /_(anon|anonymous|visitor|authenticated)$/;
/** In order of preference; a person's own rows come last. */
const USUAL_TENANT_COLUMNS = [
  "tenant_id",
  "organization_id",
  "organisation_id",
  "org_id",
  "account_id",
  "workspace_id",
  "team_id",
  "company_id",
  "clinic_id",
  "user_id",
  "owner_id",
];
/** What hosts and extensions keep for themselves. */
const FOREIGN_SCHEMAS =
  "^(pg_.*|information_schema|extensions|graphile_.*|graphql|graphql_public|auth|storage|realtime|_realtime|vault|pgbouncer|pgsodium|supabase_.*|net|cron|hdb_.*)$";

/**
 * Fills in what is not given: Bailiwick's own layout where it is one, otherwise what projects in the style of Supabase,
 * PostgREST or PostGraphile usually call things.
 *
 * @throws when no role of requests can be guessed, or a name that is given does not exist.
 */
export async function completeScope(client: ClientBase, given: Partial<AccessScope>): Promise<AccessScope> {
  const scope = await guessScope(client, given);
  await assertColumns(client, given.tenantColumns ?? [], scope.schemas);
  return scope;
}

async function guessScope(client: ClientBase, given: Partial<AccessScope>): Promise<AccessScope> {
  const present = await readNames(client);
  assertKnown("schema", [...(given.schemas ?? []), ...(given.exposedSchemas ?? [])], present.schemas);
  assertKnown("role", [...(given.requestRoles ?? []), ...(given.loginRoles ?? [])], present.roles);
  const isOwn = OWN_ROLES.requestRoles.every((role) => present.roles.includes(role));
  if (isOwn && present.schemas.includes("app_public")) {
    const schemas = given.schemas ?? present.schemas.filter((name) => /^app_/.test(name) || name === "auth");
    return {
      schemas,
      exposedSchemas: OWN_EXPOSED_SCHEMAS.filter((name) => schemas.includes(name)),
      ...OWN_ROLES,
      tenantColumns: OWN_TENANT_COLUMNS,
      ...stated(given),
    };
  }
  const requestRoles = given.requestRoles ?? usualRequestRoles(present.roles);
  if (requestRoles.length === 0) {
    throw new Error(
      `No role looks like that of a request; name them with --roles. There are: ${present.roles.join(", ")}`,
    );
  }
  const schemas = given.schemas ?? (await reachableSchemas(client, requestRoles));
  return {
    schemas,
    exposedSchemas: schemas,
    requestRoles,
    loginRoles: await loginsOf(client, requestRoles),
    tenantColumns: await usualTenantColumn(client, schemas),
    ...stated(given),
  };
}

/** Without what was left open: an option that is absent must not hide a guess. */
function stated(given: Partial<AccessScope>): Partial<AccessScope> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function usualRequestRoles(roles: string[]): string[] {
  const usual = roles.filter((name) => USUAL_REQUEST_ROLES.test(name));
  return usual.length > 0 ? usual : roles.filter((name) => PREFIXED_REQUEST_ROLES.test(name));
}

async function readNames(client: ClientBase): Promise<{ schemas: string[]; roles: string[] }> {
  const { rows } = await client.query<{ schemas: string[]; roles: string[] }>(`\
select
  array(select nspname::text from pg_catalog.pg_namespace order by 1) as schemas,
  array(select rolname::text from pg_catalog.pg_roles where rolname !~ '^pg_' order by 1) as roles`);
  return rows[0] ?? { schemas: [], roles: [] };
}

function assertKnown(kind: string, given: string[], present: string[]): void {
  const unknown = given.filter((name) => !present.includes(name));
  if (unknown.length > 0) {
    throw new Error(`There is no ${kind} '${unknown.join("', '")}'; there are: ${present.join(", ")}`);
  }
}

/** Of each of the columns some table must be: every rule about tenants would pass for want of a table to look at. */
async function assertColumns(client: ClientBase, given: string[], schemas: string[]): Promise<void> {
  const unknown = await names(
    client,
    `\
select g.name
from unnest($1::text[]) as g(name)
where not exists (
  select from pg_catalog.pg_attribute a
  join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname::text = any ($2::text[]) and a.attname::text = g.name and a.attnum > 0 and not a.attisdropped
)`,
    [given, schemas],
  );
  if (unknown.length > 0) {
    throw new Error(`No table has a column '${unknown.join("', '")}'; the schemas are ${schemas.join(", ")}`);
  }
}

async function reachableSchemas(client: ClientBase, requestRoles: string[]): Promise<string[]> {
  return names(
    client,
    `\
select n.nspname::text as name
from pg_catalog.pg_namespace n
where n.nspname !~ $2
and exists (select from unnest($1::text[]) as role where has_schema_privilege(role, n.oid, 'usage'))
and exists (select from pg_catalog.pg_class c where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f'))
order by 1`,
    [requestRoles, FOREIGN_SCHEMAS],
  );
}

/** Whoever may sign in and then become one of them, superusers apart. */
async function loginsOf(client: ClientBase, requestRoles: string[]): Promise<string[]> {
  return names(
    client,
    `\
select distinct r.rolname::text as name
from pg_catalog.pg_auth_members m
join pg_catalog.pg_roles r on r.oid = m.member
where m.roleid::regrole::text = any ($1::text[]) and r.rolcanlogin and not r.rolsuper
order by 1`,
    [requestRoles],
  );
}

async function usualTenantColumn(client: ClientBase, schemas: string[]): Promise<string[]> {
  return names(
    client,
    `\
select a.attname::text as name
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
where c.relnamespace::regnamespace::text = any ($1::text[]) and a.attname = any ($2::text[])
group by a.attname
order by array_position($2::text[], a.attname::text)
limit 1`,
    [schemas, USUAL_TENANT_COLUMNS],
  );
}

async function names(client: ClientBase, text: string, values: unknown[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(text, values);
  return rows.map(({ name }) => name);
}
