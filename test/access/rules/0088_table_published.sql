-- Finds: publication story_everything
create publication story_everything for table story.notes;
