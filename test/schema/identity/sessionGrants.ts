import { createHash } from "node:crypto";

import type { Request } from "../../support/database.ts";

/** What confirming a registration, logging in and refreshing give. */
export interface SessionGrant {
  user_id: string;
  session_id: string;
  refresh_token: string;
  expires_at: Date;
}

export const PASSWORD = "correct horse battery";

/** In the form of the gateway's hashes, and the same for the same password. */
export const hashOf = (password: string) =>
  `$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$${createHash("sha256").update(password).digest("base64url")}`;

export async function grantOf(request: Request, call: string, values: unknown[]): Promise<SessionGrant> {
  const [grant] = await request.rows<SessionGrant & { user_id: string }>(
    `select * from app_public.${call}`,
    values,
  );
  return grant as SessionGrant;
}

/** Makes an account as registering does; see addAccounts. */
export const makeAccount = (request: Request, email: string, password = PASSWORD, name = "Carol") =>
  grantOf(request, "make_account($1, $2, $3)", [email, hashOf(password), name]);
export const refresh = (request: Request, token: string) => grantOf(request, "refresh_session($1)", [token]);

export const asGranted = ({ user_id: userId, session_id: sessionId }: SessionGrant) => ({
  userId,
  sessionId,
});
