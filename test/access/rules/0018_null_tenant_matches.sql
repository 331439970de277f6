-- Finds: story.notes.select_tenant
alter table story.notes alter column tenant_id drop not null;
alter policy select_tenant on story.notes using (tenant_id is not distinct from (select story.current_tenant_id()));
