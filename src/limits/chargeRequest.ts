import { AppError } from "../errors/AppError.ts";
import { currentRequestContext } from "../http/requestContext.ts";
import { type Payer, type RateLimiter, WINDOW_SECONDS } from "./RateLimiter.ts";

/**
 * Takes points from payers, and lets the answer of the current request say what is left (RateLimit headers of
 * draft-ietf-httpapi-ratelimit-headers-06). Throws TOO_MANY_REQUESTS.
 */
export async function chargeRequest(
  limiter: RateLimiter,
  payers: Iterable<Payer> | AsyncIterable<Payer>,
  points: number,
): Promise<void> {
  const allowance = points > 0 ? await limiter.charge(payers, points) : null;
  if (!allowance) {
    return;
  }
  const context = currentRequestContext();
  if (context) {
    Object.assign(context.headers, {
      "ratelimit-limit": String(allowance.limit),
      "ratelimit-remaining": String(allowance.remaining),
      "ratelimit-reset": String(allowance.reset),
      "ratelimit-policy": `${allowance.limit};w=${WINDOW_SECONDS}`,
    });
  }
  if (allowance.isExceeded) {
    throw new AppError("TOO_MANY_REQUESTS", undefined, { retryAfter: allowance.reset });
  }
}
