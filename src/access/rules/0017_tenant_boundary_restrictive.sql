-- A restrictive policy for all commands holds the tenant of every exposed table.
-- Severity: warning
select
  t.object,
  format('only permissive policies compare %s: the next one that is added may forget it', t.tenant) as detail,
  format(
    'create policy tenant_boundary on %s as restrictive to %s using (%3$I = %4$s) with check (%3$I = %4$s);',
    t.object, string_agg(distinct p.roles_sql, ', '), t.tenant,
    format('(select nullif(current_setting(%L, true), %L)::%s)', 'app.' || t.tenant, '', t.tenant_type)
  ) as fix
from tenant_table t
join request_policy p on p.relid = t.oid and p.is_permissive
where t.is_exposed
and not exists (
  select from request_policy r
  where r.relid = t.oid and not r.is_permissive and r.command = 'all'
  and (r.readers @> p.readers or 0 = any (r.roles))
  and r.bare_qual ~ ('\m' || t.tenant || '\M|^false$')
  and coalesce(r.bare_check, r.bare_qual) ~ ('\m' || t.tenant || '\M|^false$')
)
group by t.oid, t.object, t.tenant, t.tenant_type
