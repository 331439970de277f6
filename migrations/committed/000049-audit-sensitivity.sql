--! Previous: sha1:18c9cc217bcfa2b726df2ec074ed202639a4594a
--! Hash: sha1:c41eab8205a15af0b8781ca077867cc656caef0a
--! Message: audit-sensitivity

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 99-audit-sensitivity.sql
-- Comes last: of every audited table that there is now, which columns' values the audit keeps.
select app_audit.note_sensitivity();
