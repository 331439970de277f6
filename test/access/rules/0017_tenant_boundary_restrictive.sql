-- Finds: story.notes
drop policy tenant_boundary on story.notes;
