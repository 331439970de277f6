-- Finds: story.notes to story_user
grant update on story.notes to story_user;
