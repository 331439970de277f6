-- Every table has a policy, if only one that says it is closed.
-- Severity: warning
select
  t.object,
  'row security is on and there is no policy: nobody sees a row' as detail,
  format('create policy closed on %s as restrictive to public using (false) with check (false);', t.object) as fix
from base_table t
where t.relrowsecurity and not t.relispartition
and not exists (select from policy p where p.relid = t.oid)
