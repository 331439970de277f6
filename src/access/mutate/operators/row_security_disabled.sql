-- Row security is off.
select t.object, t.object as touches, format('alter table %s disable row level security', t.object) as sql
from base_table t
where t.relrowsecurity
