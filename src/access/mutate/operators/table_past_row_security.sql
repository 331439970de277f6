-- Requests may empty a table, refer to it or put triggers on it, which row security does not see.
select
  format('%s to %s: %s', t.object, q.name, lower(p.privilege)) as object, t.object as touches,
  format('grant %s on %s to %I', lower(p.privilege), t.object, q.name) as sql
from base_table t
cross join request_role q
cross join (values ('TRUNCATE'), ('REFERENCES'), ('TRIGGER')) as p (privilege)
where not q.is_anonymous and t.is_exposed
