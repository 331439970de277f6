import { randomBytes } from "node:crypto";

import type { Pool } from "pg";

/**
 * Adds `app_public.make_account(email, password_hash, display_name, device_name)` to a test's database: what registering and
 * the code from the mail come to, in one statement of whoever asks.
 */
export async function addAccounts(superuser: Pool): Promise<void> {
  await superuser.query(`
    create function app_public.make_account(
      email text, password_hash text, display_name text = '', device_name text = null
    ) returns app_public.session_grant as $$
      insert into app_private.registrations (email, password_hash, display_name, code_hash)
      values (
        make_account.email, make_account.password_hash, make_account.display_name,
        sha256(convert_to('code of ' || make_account.email, 'UTF8'))
      );
      select app_public.confirm_registration('code of ' || make_account.email, make_account.password_hash, make_account.device_name);
    $$ language sql volatile security definer set search_path to ''`);
  await superuser.query(
    "grant execute on function app_public.make_account(text, text, text, text) to app_anonymous, app_user",
  );
}

/** The code that the mail about the newest registration of an address would bring. */
export async function mailedCode(superuser: Pool, email: string): Promise<string> {
  const code = randomBytes(32).toString("hex");
  const { rowCount } = await superuser.query(
    `update app_private.registrations set code_hash = sha256(convert_to($2, 'UTF8'))
     where id = (select id from app_private.registrations where email = $1 order by id desc limit 1)`,
    [email, code],
  );
  if (rowCount !== 1) {
    throw new Error(`Nobody has registered with ${email}.`);
  }
  return code;
}
