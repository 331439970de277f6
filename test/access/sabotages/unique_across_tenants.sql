-- A number of a patient is taken for all organizations: who tries it learns that it exists.
-- Caught by: ?
-- Ready: silent
create unique index patients_mrn_key on app_public.patients (mrn);
