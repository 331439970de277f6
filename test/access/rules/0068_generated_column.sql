-- Finds: story.members.initial
alter table story.members add column secret text, add column initial text generated always as (left(secret, 1)) stored;
grant select (initial) on story.members to story_user;
