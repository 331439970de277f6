-- Finds: story_owner to story_login
grant story_owner to story_login;
