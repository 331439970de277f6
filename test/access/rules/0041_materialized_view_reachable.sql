-- Finds: story.totals
create materialized view story.totals as select count(*) as notes from story.notes;
grant select on story.totals to story_user;
