-- Registering tells nobody who has an account.

--!include identity/registrations_table.sql
--!include identity/registrations.sql
--!include identity/begin_log_in.sql
--!include identity/register.sql
