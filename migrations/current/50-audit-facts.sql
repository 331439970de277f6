-- What an event says besides who, what and when, and the second canonical form of its hash.

--!include audit/event_facts.sql
--!include audit/events.sql
--!include audit/hash_keys.sql
--!include audit/describe_request.sql
--!include audit/column_sensitivities.sql
--!include audit/audit_changes.sql
--!include audit/hash_event.sql
--!include access/explain_access.sql

-- Policies and grants of the partitions are reset with their parent's.
select app_audit.create_partitions();
select app_audit.note_sensitivity();
