-- Everybody may connect to the database, or make temporary tables in it.
select
  p.privilege || ' to public' as object, null as touches,
  format('do %L', format(
    $do$begin execute format('grant %s on database %%I to public', current_database()); end$do$, p.privilege
  )) as sql
from (values ('connect'), ('temporary'), ('create')) as p (privilege)
