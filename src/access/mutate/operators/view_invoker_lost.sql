-- A view reads with the rights of its owner.
select t.object, t.object as touches, format('alter view %s reset (security_invoker)', t.object) as sql
from relation t
where t.relkind = 'v' and 'security_invoker=true' = any (t.reloptions)
