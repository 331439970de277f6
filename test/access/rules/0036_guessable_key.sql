-- Finds: story.visits.id
create table story.visits (id bigint generated always as identity primary key, tenant_id uuid not null);
grant select on story.visits to story_user;
