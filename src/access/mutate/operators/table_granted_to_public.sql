-- Everybody may read a table.
select t.object, t.object as touches, format('grant select on %s to public', t.object) as sql
from relation t
