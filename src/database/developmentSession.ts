import { withClient } from "./withClient.ts";

export interface DevelopmentSession {
  userId: string;
  sessionId: string;
}

/**
 * Signs a person in without a password: a row in auth_sessions, so that what it is used for can be revoked.
 *
 * @param adminUrl an administrative connection; requests cannot reach these tables.
 * @param lifetimeSeconds how long the session stands.
 * @returns null when nobody has that e-mail address.
 */
export async function startDevelopmentSession(
  adminUrl: string,
  email: string,
  lifetimeSeconds: number,
): Promise<DevelopmentSession | null> {
  return withClient(adminUrl, async (client) => {
    const { rows } = await client.query<DevelopmentSession>(
      `\
select g.user_id as "userId", g.session_id as "sessionId"
from app_public.users u
cross join lateral app_private.start_session(u.id, 'bailiwick token', make_interval(secs => $2)) g
where u.email = lower($1)
and u.deleted_at is null`,
      [email, lifetimeSeconds],
    );
    return rows[0] ?? null;
  });
}
