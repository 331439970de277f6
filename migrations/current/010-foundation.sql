create schema if not exists auth;
create schema if not exists app_public;
create schema if not exists app_hidden;
create schema if not exists app_private;
create schema if not exists app_audit;

--!include foundation/schemas.sql
--!include foundation/request_context.sql
--!include foundation/uuid_v7.sql
--!include foundation/row_triggers.sql
--!include foundation/announce_changes.sql
--!include foundation/reset_access.sql
