-- Finds: story.choose_tenant(uuid)
create function story.choose_tenant(id uuid) returns void language sql set search_path = ''
as $$ select set_config('app.tenant_id', id::text, false) $$;
