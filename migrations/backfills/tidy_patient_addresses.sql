-- Patients' addresses have no needless blanks, and a part that is empty is null: lists by town then count each town once.
-- Table: app_public.patients
-- Batch: 500
select
  p.id,
  nullif(btrim(regexp_replace(p.address, '[[:blank:]]+', ' ', 'g'), E' \r\n'), '') as address,
  nullif(btrim(regexp_replace(p.city, '\s+', ' ', 'g')), '') as city,
  nullif(btrim(regexp_replace(p.region, '\s+', ' ', 'g')), '') as region,
  nullif(btrim(regexp_replace(p.postal_code, '\s+', ' ', 'g')), '') as postal_code
from app_public.patients p
where p.id = any ($1::uuid[])
