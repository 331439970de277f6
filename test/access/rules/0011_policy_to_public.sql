-- Finds: story.notes.select_tenant
alter policy select_tenant on story.notes to public;
