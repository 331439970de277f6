-- Finds: pg_read_all_data to story_user
grant pg_read_all_data to story_user;
