-- Finds: pg_catalog.pg_statistic to story_user
grant select on pg_catalog.pg_statistic to story_user;
