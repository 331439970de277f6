-- A row without a tenant belongs to nobody.
-- Severity: error
select
  p.object,
  format('%s may be null, and null passes the policy', c.attname) as detail,
  format('alter table %s alter column %I set not null;', c.object, c.attname) as fix
from request_policy p
join tenant_column c on c.relid = p.relid and c.position = 1 and not c.attnotnull
where concat_ws(' ', p.qual, p.check)
  ~* format('\m%1$s\M IS NULL|\m%1$s\M IS (NOT )?DISTINCT FROM|COALESCE\(%1$s\M', c.attname)
