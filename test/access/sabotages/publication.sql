-- Every change of patients is offered to subscribers.
-- Caught by: ?
-- Ready: silent
create publication everything for table app_public.patients;
