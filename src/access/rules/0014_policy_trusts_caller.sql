-- No policy believes what the caller can write about itself.
-- Severity: error
select
  p.object,
  'it reads user_metadata or request headers, which the caller chooses' as detail,
  case
    when concat(p.qual, p.check) ~ 'request\.headers?|request\.cookies?' then
      format('drop policy %I on %s;', p.polname, p.table_object)
    else format('alter policy %I on %s%s%s;', p.polname, p.table_object,
      ' using (' || replace(replace(p.qual, 'raw_user_meta_data', 'raw_app_meta_data'), 'user_metadata', 'app_metadata') || ')',
      ' with check (' || replace(replace(p.check, 'raw_user_meta_data', 'raw_app_meta_data'), 'user_metadata', 'app_metadata') || ')')
  end as fix
from request_policy p
where concat(p.qual, p.check) ~ 'user_metadata|raw_user_meta_data|request\.headers?|request\.cookies?'
or p.oid in (
  select d.objid
  from app_function f
  join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid = f.oid
  where d.classid = 'pg_catalog.pg_policy'::regclass
  and f.body ~ 'user_metadata|raw_user_meta_data|request\.headers?|request\.cookies?'
)
