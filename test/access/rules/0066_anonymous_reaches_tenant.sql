-- Finds: story.notes to story_anonymous
grant select (title) on story.notes to story_anonymous;
