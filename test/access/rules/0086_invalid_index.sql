-- Finds: story.notes_tenant_id_title_idx
update pg_catalog.pg_index set indisvalid = false where indexrelid = 'story.notes_tenant_id_title_idx'::regclass;
