-- Finds: story.far_notes
create foreign data wrapper story_wrapper;
create server story_server foreign data wrapper story_wrapper;
create foreign table story.far_notes (id uuid) server story_server;
grant select on story.far_notes to story_user;
