-- Finds: story.labels
create table story.labels (id uuid primary key, label text);
grant select (id) on story.labels to story_user;
