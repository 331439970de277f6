-- Exports are files that a job writes, and a link fetches.

--!include practice/export_requests_files.sql
--!include practice/export_requests.sql
--!include practice/export_rows.sql
--!include practice/format_export_data.sql
--!include practice/request_export.sql
--!include practice/write_export.sql
--!include practice/export_links.sql
--!include jobs/enqueue_exports.sql
