-- The caller decides what the names in a function mean.
select f.object, f.object as touches, format('alter routine %s reset search_path', f.object) as sql
from app_function f
where exists (select from unnest(f.proconfig) as c where c ~ '^search_path=')
