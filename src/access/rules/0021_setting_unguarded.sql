-- A policy survives a setting that was never set.
-- Severity: warning
select
  p.object,
  'it reads a setting without (…, true) and nullif: an error when it is not set, another when it is empty' as detail,
  format('alter policy %I on %s%s%s;', p.polname, p.table_object,
    ' using (' || regexp_replace(p.qual, pattern, 'nullif(current_setting(\1, true), '''')', 'g') || ')',
    ' with check (' || regexp_replace(p.check, pattern, 'nullif(current_setting(\1, true), '''')', 'g') || ')'
  ) as fix
from request_policy p, lateral (select 'current_setting\((''[^'']+'')::text(?:, true)?\)' as pattern) expression
where concat_ws(' ', p.qual, p.check) ~ 'current_setting\(''[^'']+''::text\)'
or concat_ws(' ', p.qual, p.check) ~ '(?<!NULLIF\()current_setting\(''[^'']+''::text, true\)\)*::(uuid|integer|bigint)'
