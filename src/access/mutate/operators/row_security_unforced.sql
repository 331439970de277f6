-- Row security no longer holds the table's owner.
select t.object, t.object as touches, format('alter table %s no force row level security', t.object) as sql
from base_table t
where t.relforcerowsecurity
