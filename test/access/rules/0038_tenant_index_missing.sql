-- Finds: story.visits
create table story.visits (id uuid primary key, tenant_id uuid not null);
grant select on story.visits to story_user;
