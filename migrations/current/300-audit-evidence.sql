--!include foundation/reset_access.sql
--!include audit/event_evidence.sql
--!include audit/hash_event.sql
--!include audit/seal_evidence.sql
--!include audit/events.sql
--!include audit/seals.sql
--!include audit/create_partitions.sql
select app_audit.create_partitions();
