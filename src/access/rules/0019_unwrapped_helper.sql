-- Policies ask their helpers once a statement, not once a row.
-- Severity: warning
with recursive
clause as (
  select p.oid, p.object, p.polname, p.table_object, c.name,
    regexp_replace(c.text, '''([^'']|'''')*''', '''''', 'g') as text, p.relid
  from request_policy p, lateral (values ('using', p.qual), ('with check', p.check)) as c (name, text)
  where c.text is not null
),
-- Innermost parentheses first: a subquery that asks without the row's columns vanishes, everything else stays.
folded as (
  select c.oid, c.name, c.text, c.relid, 0 as depth from clause c
  union all
  select f.oid, f.name,
    case
      when inner_most.text ~ '^\( ?SELECT ' and (
        inner_most.text ~ '\mFROM\M' or inner_most.text !~ ('\m' || t.relname || '\.')
      ) then replace(f.text, inner_most.text, '§')
      else replace(f.text, inner_most.text, '‹' || substr(inner_most.text, 2, length(inner_most.text) - 2) || '›')
    end,
    f.relid, f.depth + 1
  from folded f
  join base_table t on t.oid = f.relid,
  lateral (select (regexp_match(f.text, '\([^()]*\)'))[1] as text) inner_most
  where inner_most.text is not null and f.depth < 500
),
outside as (
  select distinct on (f.oid, f.name) f.oid, f.name, f.text from folded f order by f.oid, f.name, f.depth desc
),
asked as (
  select distinct o.oid, call.name[1] as name
  from outside o, regexp_matches(o.text, '((?:[a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*)‹', 'g') as call (name)
  where call.name[1] = 'current_setting'
  or exists (
    select from pg_catalog.pg_proc f
    where f.pronamespace::regnamespace || '.' || f.proname = call.name[1] and f.provolatile <> 'i'
  )
)
select
  c.object,
  'called for every row: ' || string_agg(distinct a.name || '()', ', ') as detail,
  format('alter policy %I on %s%s%s;', c.polname, c.table_object,
    (select ' using (' || regexp_replace(p.qual, wrapped.pattern, '(select \1)', 'g') || ')' from policy p where p.oid = c.oid),
    (select ' with check (' || regexp_replace(p.check, wrapped.pattern, '(select \1)', 'g') || ')' from policy p where p.oid = c.oid)
  ) as fix
from asked a
join (select distinct oid, object, polname, table_object from clause) c on c.oid = a.oid,
lateral (
  select '((?:' || string_agg(replace(b.name, '.', '\.'), '|') || ')\((?:[^()]|\([^()]*\))*\))' as pattern
  from asked b where b.oid = a.oid
) wrapped
group by c.oid, c.object, c.polname, c.table_object, wrapped.pattern
