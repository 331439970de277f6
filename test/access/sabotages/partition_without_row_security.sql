-- The month after next, made by hand.
-- Caught by: 0002_partition_row_security app_audit.events_2031_01
-- Ready: opens
create table app_audit.events_2031_01 partition of app_audit.events for values from ('2031-01-01') to ('2031-02-01');
grant select on app_audit.events_2031_01 to app_user;
