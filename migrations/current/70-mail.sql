-- Mails: who gets them, and the codes that they carry.

--!include identity/email_tokens_table.sql
--!include tenancy/invitations_mailed_code.sql
--!include identity/email_tokens.sql
--!include identity/verify_email.sql
--!include tenancy/invitations.sql
--!include tenancy/accept_invitation.sql
--!include jobs/address_mail.sql
