-- Finds: story.readings_2026
create table story.readings_2026 partition of story.readings for values from ('2026-01-01') to ('2027-01-01');
grant select on story.readings_2026 to story_user;
