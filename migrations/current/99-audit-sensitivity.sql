-- Comes last: of every audited table that there is now, which columns' values the audit keeps.
select app_audit.note_sensitivity();
