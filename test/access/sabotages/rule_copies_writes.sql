-- A rewrite rule copies what is written, past every trigger.
-- Caught by: 0043_rewrite_rule app_public.patients.copy_out
-- Ready: opens; 0001_row_security_enabled app_private.copies
create table app_private.copies (id uuid, given_name text);
create rule copy_out as on update to app_public.patients do also insert into app_private.copies values (NEW.id, NEW.given_name);
