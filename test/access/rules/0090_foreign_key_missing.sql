-- Finds: story.readings.note_id
alter table story.readings add column note_id uuid;
-- Fix:
alter table story.notes add constraint notes_tenant_id_id_key unique (tenant_id, id);
alter table story.readings add foreign key (tenant_id, note_id) references story.notes (tenant_id, id);
