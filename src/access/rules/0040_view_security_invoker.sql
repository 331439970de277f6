-- Every view runs with the rights of who reads it.
-- Severity: critical
select
  v.object,
  format('it reads as its owner %s, past the policies of who asks', v.relowner::regrole) as detail,
  format('alter view %s set (security_invoker = true);', v.object) as fix
from relation v
where v.relkind = 'v'
and not coalesce(v.reloptions && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1', 'security_invoker=yes'], false)
