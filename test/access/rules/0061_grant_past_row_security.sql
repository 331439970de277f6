-- Finds: story.notes to story_user
grant truncate on story.notes to story_user;
