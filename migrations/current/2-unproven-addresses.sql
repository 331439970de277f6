-- What outside issuers have not proven was kept until now, and its owner could not register. Whoever signs in by an issuer
-- only does without; whoever has a password here signs in with the address, proven or not.
set local role app_definer;
update app_public.users u
set email = null
where u.email is not null
and u.email_verified_at is null
and not u.is_superadmin
and exists (select from app_private.user_identities i where i.user_id = u.id)
and not exists (select from app_private.password_hashes h where h.user_id = u.id);
reset role;
