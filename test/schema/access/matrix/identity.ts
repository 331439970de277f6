import { type MatrixPart, row } from "./part.ts";

export const IDENTITY: MatrixPart = {
  visible: {
    "app_public.users": row(1, 1, 1, 1, 1, 1, 1, 1, 1, 19, 19, 1, 1, 0, 0),
    "app_public.profiles": row(1, 1, 1, 1, 1, 1, 1, 1, 1, 19, 19, 1, 1, 0, 0),
    "app_public.consents": row(0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  },
  writes: [
    {
      title: "change somebody's profile",
      sql: "update app_public.profiles set display_name = 'New' where user_id = $1",
      values: ({ here }) => [here.provider.userId],
      allowed: ["provider"],
    },
  ],
  refused: [
    "select * from app_private.idempotent_answers",
    "select app_hidden.delete_expired_answers()",
    "insert into app_public.users (email) values ('x@example.com')",
    "update app_public.users set is_superadmin = true",
    "insert into app_public.consents (user_id, kind, granted) values (auth.uid(), 'pipeda', true)",
    "update app_public.consents set granted = false",
    "select * from app_private.password_hashes",
    "select * from app_private.auth_sessions",
    "select * from app_private.user_id_map",
    "select app_private.start_session(auth.uid())",
    "select * from app_private.user_identities",
    "select * from app_private.ended_identities",
    "select * from app_private.session_clients",
    "select * from app_private.email_tokens",
    "select * from app_private.registrations",
    "select app_private.address_registration(auth.uid(), 'x')",
    "select app_hidden.address_mail('verify_email', auth.uid(), null)",
    "select * from app_private.sign_in_attempts",
    "select app_private.count_attempt('account x', 10)",
    "select app_private.forgive_attempts('account x', true)",
    "select app_private.has_password(auth.uid(), 'x', 'x')",
    "select app_private.end_sessions(auth.uid(), null, 'x')",
    "select app_private.apply_identity('{}')",
    "select app_hidden.apply_identity_event('{}')",
    "select app_hidden.end_identity('x', 'x')",
  ],
};
