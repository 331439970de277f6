-- A role has one permissive policy for each command of a table.
-- Severity: warning
select
  format('%s (%s as %s)', p.table_object, verb.name, q.name) as object,
  'any one of these is enough: ' || string_agg(p.polname, ', ' order by p.polname) as detail,
  case
    when count(distinct p.command) = 1 and count(distinct p.roles) = 1 then
      format('alter policy %I on %s', min(p.polname), p.table_object)
      || coalesce(' using (' || string_agg(p.qual, ' or ' order by p.polname) || ')', '')
      || coalesce(' with check (' || string_agg(p.check, ' or ' order by p.polname) || ')', '')
      || '; '
      || string_agg(format('drop policy %I on %s;', p.polname, p.table_object), ' ' order by p.polname)
        filter (where p.position > 1)
    else '-- Give each command of each role its own policy, then join those of the same command with "or".'
  end as fix
from request_role q
cross join (values ('select'), ('insert'), ('update'), ('delete')) as verb (name),
lateral (
  select p.*, row_number() over (partition by p.relid order by p.polname) as position
  from request_policy p
  where p.is_permissive and p.command in (verb.name, 'all') and (q.oid = any (p.roles) or 0 = any (p.roles))
) p
group by p.table_object, verb.name, q.name
having count(*) > 1
