-- Finds: story.notes.select_tenant
alter policy select_tenant on story.notes using (tenant_id = story.current_tenant_id());
