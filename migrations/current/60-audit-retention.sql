-- The audit's months made ahead, and removed when they have been kept long enough.
--!include audit/tombstones_table.sql
--!include audit/create_partitions.sql
--!include audit/events.sql
--!include audit/tombstones.sql
--!include audit/remove_month.sql
select app_audit.create_partitions((now() at time zone 'UTC')::date, 6);
