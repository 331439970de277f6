import type { Payer } from "../limits/RateLimiter.ts";

/** Whose crowd a request belongs to: the organization's, where there is one, else the person's or the address's own. */
export function tenantOf(payers: readonly Payer[]): string {
  const payer = payers.find(({ kind }) => kind === "organization") ?? payers[0];
  return payer ? `${payer.kind} ${payer.id}` : "";
}
