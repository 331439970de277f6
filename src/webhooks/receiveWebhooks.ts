import express, { type RequestHandler, Router } from "express";
import type { Pool } from "pg";

import { pgSettings } from "../auth/pgSettings.ts";
import { NO_SCOPE } from "../auth/requestScope.ts";
import type { Config } from "../config.ts";
import { withPgSettings } from "../database/withTenant.ts";
import { AppError } from "../errors/AppError.ts";
import { classifyError } from "../errors/classifyError.ts";
import { assertMethod } from "../http/assertMethod.ts";
import { currentRequestContext } from "../http/requestContext.ts";
import { acceptRequestId } from "../http/requestId.ts";
import { makeVerifyClerk } from "./verifyClerk.ts";
import { makeVerifyStripe } from "./verifyStripe.ts";
import type { ReceivedEvent, VerifyWebhook } from "./WebhookEvent.ts";

/** Read by `app_hidden.receive_webhook`. No header and no claim is ever forwarded under this name. */
const VERIFIED_SETTING = "app.verified_webhook";

/**
 * `POST /stripe` and `POST /clerk`, each where its secret is configured. A signed event is stored once and handed to a
 * job; a repeated one is answered alike and changes nothing. Only a verified event takes a database connection.
 */
export async function makeWebhooks(
  { auth, webhooks }: Pick<Config, "auth" | "webhooks">,
  { pool, maximumBytes }: { pool: Pool; maximumBytes: number },
): Promise<Router> {
  const router = Router();
  // Signatures are over the bytes as they came, so nothing may be decoded before.
  const readBody = express.raw({ limit: maximumBytes, inflate: false, type: "application/json" });
  const serve = (path: string, verify: VerifyWebhook) =>
    router.all(path, assertPost, readBody, makeReceive(verify, pool));
  if (webhooks.stripeSecrets) {
    serve("/stripe", await makeVerifyStripe(webhooks.stripeSecrets));
  }
  const clerk = auth.outside.find(({ kind }) => kind === "clerk");
  if (webhooks.clerkSecrets && clerk) {
    serve("/clerk", await makeVerifyClerk(webhooks.clerkSecrets, clerk));
  }
  return router;
}

const assertPost: RequestHandler = (request, response, next) => {
  assertMethod(request, response, ["POST"]);
  next();
};

function makeReceive(verify: VerifyWebhook, pool: Pool): RequestHandler {
  return async (request, response) => {
    const body: unknown = request.body;
    if (!Buffer.isBuffer(body)) {
      throw new AppError("UNSUPPORTED_MEDIA_TYPE");
    }
    const received = verify(body, (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? undefined : value;
    });
    await store(pool, received);
    response.json({ received: true });
  };
}

async function store(pool: Pool, { provider, eventId, event }: ReceivedEvent): Promise<void> {
  if (event === null) {
    return;
  }
  const requestId = currentRequestContext()?.requestId ?? acceptRequestId(undefined);
  const settings = {
    ...pgSettings(null, NO_SCOPE, requestId),
    [VERIFIED_SETTING]: `${provider}:${eventId}`,
  };
  try {
    await withPgSettings(pool, settings, (client) =>
      client.query("select app_hidden.receive_webhook($1, $2, $3::jsonb)", [
        provider,
        eventId,
        JSON.stringify(event),
      ]),
    );
  } catch (cause) {
    // The provider sees the status and delivers again.
    const { code, message } = classifyError(cause, false);
    throw new AppError(code, message, { cause });
  }
}
