-- Finds: story_login app.tenant_id
alter role story_login set app.tenant_id = '00000000-0000-0000-0000-000000000001';
