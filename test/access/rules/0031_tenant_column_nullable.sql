-- Finds: story.notes.tenant_id
alter table story.notes alter column tenant_id drop not null;
