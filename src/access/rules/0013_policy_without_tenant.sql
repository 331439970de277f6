-- Every policy of a request role on a tenant's table compares the tenant.
-- Severity: critical
select
  p.object,
  format('%s does not mention %s, and no restrictive policy for %s does', string_agg(clause.name, ' and '), t.tenant, p.command) as detail,
  format(
    'create policy tenant_boundary on %s as restrictive to %s using (%3$I = %4$s) with check (%3$I = %4$s);',
    p.table_object, p.roles_sql, t.tenant,
    format('(select nullif(current_setting(%L, true), %L)::%s)', 'app.' || t.tenant, '', t.tenant_type)
  ) as fix
from request_policy p
join tenant_table t on t.oid = p.relid,
lateral (values
  ('using', p.bare_qual, p.command <> 'insert'),
  ('with check', coalesce(p.bare_check, p.bare_qual), p.command not in ('select', 'delete'))
) as clause (name, text, is_needed)
where p.is_permissive and clause.is_needed
and not coalesce(clause.text = 'false', false)
and not coalesce(clause.text ~ ('\m' || t.tenant || '\M'), false)
and not exists (
  select from request_policy r
  where r.relid = p.relid and not r.is_permissive and r.command in ('all', p.command)
  and (r.readers @> p.readers or 0 = any (r.roles))
  and coalesce(case clause.name when 'using' then r.bare_qual else coalesce(r.bare_check, r.bare_qual) end, '')
    ~ ('\m' || t.tenant || '\M|^false$')
)
group by p.object, p.table_object, p.roles_sql, p.command, t.tenant, t.tenant_type
