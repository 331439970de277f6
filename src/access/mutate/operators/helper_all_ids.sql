-- A helper returns the id of every row there is.
select
  format('%s of %s', c.object, c.source) as object, c.object as touches,
  format('do %L', format(
    $do$declare
  v_text text := pg_catalog.pg_get_functiondef(%L::regprocedure);
  v_body text := (select p.prosrc from pg_catalog.pg_proc p where p.oid = %1$L::regprocedure);
  v_ids text := (select array_agg(t.id) from %s t)::text;
begin
  execute replace(v_text, v_body, format(%L, v_ids));
end$do$,
    c.object, c.source,
    case f.language
      when 'plpgsql' then 'begin return query select unnest(%L::uuid[]); end' else 'select unnest(%L::uuid[])'
    end
  )) as sql
from compared c
join app_function f on f.oid = c.oid
