-- Nobody may change or delete rows that they cannot see.
-- Severity: error
select
  p.object,
  case
    when s.oid is null then format('%s is allowed where there is no policy to select', p.command)
    else format('%s reaches every row, select does not', p.command)
  end as detail,
  case
    when s.oid is null then format('create policy %I on %s for select to %s using (%s);',
      'select_' || p.polname, p.table_object, p.roles_sql, p.qual)
    else format('alter policy %I on %s using (%s);', p.polname, p.table_object, s.qual)
  end as fix
from request_policy p
left join lateral (
  select r.oid, r.qual
  from request_policy r
  where r.relid = p.relid and r.is_permissive and r.command in ('select', 'all') and r.readers && p.readers
  order by r.qual = 'true' desc, r.polname
  limit 1
) s on true
where p.is_permissive and p.command in ('update', 'delete')
and exists (
  select from held h where h.relid = p.relid and h.grantee = any (p.readers) and h.privilege = upper(p.command)
)
and (s.oid is null or (p.qual = 'true' and s.qual <> 'true'))
