-- Finds: story.comments.comments_note_id_fkey
create table story.comments (
  id uuid primary key, tenant_id uuid not null references story.tenants,
  note_id uuid not null references story.notes (id) on delete cascade
);
