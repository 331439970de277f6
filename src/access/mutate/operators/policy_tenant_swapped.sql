-- A policy takes the organization for the clinic, or the clinic for the organization.
with swap as (
  select p.*, tenant.attname as tenant, part.attname as part
  from policy p
  join tenant_column tenant on tenant.relid = p.relid and tenant.position = 1
  join tenant_column part on part.relid = p.relid and part.position = 2 and part.type = tenant.type
)
select
  s.object || ' ' || clause.name as object, s.table_object as touches,
  format(
    'alter policy %I on %s %s (%s)', s.polname, s.table_object, clause.name,
    replace(
      regexp_replace(
        regexp_replace(clause.text, format('(?<![\w.])%s (?==)', s.tenant), '{part} ', 'g'),
        format('(?<![\w.])%s (?==)', s.part), s.tenant || ' ', 'g'
      ),
      '{part}', s.part
    )
  ) as sql
from swap s,
lateral (values ('using', s.qual), ('with check', s.check)) as clause (name, text)
where clause.text ~ format('(?<![\w.])(%s|%s) =', s.tenant, s.part)
