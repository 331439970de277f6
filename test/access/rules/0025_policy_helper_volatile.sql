-- Finds: story.current_tenant_id()
alter function story.current_tenant_id() volatile;
