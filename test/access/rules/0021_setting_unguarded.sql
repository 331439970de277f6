-- Finds: story.notes.select_tenant
alter policy select_tenant on story.notes
  using (tenant_id = (select current_setting('app.tenant_id', true)::uuid));
