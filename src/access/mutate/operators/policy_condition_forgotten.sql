-- One condition of a policy is forgotten.
-- Cuts: conditions
select
  p.object || ' ' || clause.name as object, p.table_object as touches, clause.text,
  format('alter policy %I on %s %s (', p.polname, p.table_object, clause.name) || '{cut})' as sql
from policy p,
lateral (values ('using', p.qual), ('with check', p.check)) as clause (name, text)
where clause.text is not null
