-- No function of yours claims to be leakproof.
-- Severity: error
select
  f.object,
  'Postgres runs it on rows before their policies' as detail,
  format('alter function %s not leakproof;', f.object) as fix
from app_function f
where f.proleakproof
