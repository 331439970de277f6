-- Finds: story.notes to story_login
grant select (id) on story.notes to story_login;
