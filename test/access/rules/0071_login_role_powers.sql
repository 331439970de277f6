-- Finds: story_login
alter role story_login createrole;
