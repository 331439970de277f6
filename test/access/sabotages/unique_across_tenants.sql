-- A number of a patient is taken for all organizations: who tries it learns that it exists.
-- Caught by: 0034_unique_without_tenant app_public.patients_mrn_key
-- Ready: silent
create unique index patients_mrn_key on app_public.patients (mrn);
