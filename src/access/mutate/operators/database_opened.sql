-- Everybody may connect to the database, or make temporary tables in it.
select
  p.privilege || ' to public' as object, null as touches,
  format('grant %s on database %I to public', p.privilege, current_database()) as sql
from (values ('connect'), ('temporary'), ('create')) as p (privilege)
