-- Every change of patients is offered to subscribers.
-- Caught by: 0088_table_published publication everything
-- Ready: silent
create publication everything for table app_public.patients;
