-- Postgres has its security fixes.
-- Severity: error
-- One line per major version: the release that fixed the last security problems known to this repository.
select
  format('Postgres %s.%s', s.version / 10000, s.version % 10000) as object,
  coalesce(
    format('%s.%s of %s fixes security problems of it', r.major, r.minor, r.published),
    'this major version gets no fixes any more') as detail,
  coalesce(format('-- Install %s.%s or later and restart; no dump is needed.', r.major, r.minor), '-- Upgrade to a supported major version.') as fix
from server s
left join (values
  (15, 18, date '2026-05-14'), (16, 14, date '2026-05-14'), (17, 10, date '2026-05-14'), (18, 4, date '2026-05-14')
) as r (major, minor, published) on r.major = s.version / 10000
where (r.major is null and s.version / 10000 < 15) or s.version % 10000 < r.minor
