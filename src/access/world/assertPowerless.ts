import type { ClientBase } from "pg";

const POWERS = `
  select r.rolname::text as role,
    case
      when r.rolsuper then 'is a superuser'
      when r.rolbypassrls then 'bypasses row security'
      else 'owns ' || min(c.oid::regclass::text)
    end as power
  from pg_catalog.pg_roles r
  left join pg_catalog.pg_class c
    on c.relowner = r.oid and c.relnamespace in (select oid from pg_catalog.pg_namespace where nspname ~ '^app_')
  where r.rolname in (current_user, session_user)
  and (r.rolsuper or r.rolbypassrls or c.oid is not null)
  group by r.rolname, r.rolsuper, r.rolbypassrls
`;

/**
 * Refuses to go on as somebody whom row security does not hold: what such a test shows about access is worth nothing.
 *
 * @throws when the current role or the login behind it is a superuser, bypasses row security or owns a table.
 */
export async function assertPowerless(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ role: string; power: string }>(POWERS);
  if (rows.length > 0) {
    const reasons = rows.map(({ role, power }) => `${role} ${power}`).join(", and ");
    throw new Error(`A test of access must not run like this: ${reasons}.`);
  }
}
