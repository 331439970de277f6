-- What was read and refused is on record, too.

--!include audit/record_events.sql
--!include audit/audit_logs.sql
--!include clinical/patient_clinic_links.sql
--!include vault/open_share.sql
--!include vault/redeem_share.sql
