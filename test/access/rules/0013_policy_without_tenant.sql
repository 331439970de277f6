-- Finds: story.notes.see_published
drop policy tenant_boundary on story.notes;
drop policy select_tenant on story.notes;
create policy see_published on story.notes for select to story_user using (body <> '');
