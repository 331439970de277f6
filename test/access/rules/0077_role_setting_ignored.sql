-- Finds: story_user.statement_timeout
alter role story_user set statement_timeout = '5s';
