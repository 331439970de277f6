import type { Metrics } from "../telemetry/metrics.ts";
import { Admission } from "./Admission.ts";
import { RefusalPace } from "./RefusalPace.ts";
import { makeSlowRefusals, type SlowRefusals } from "./slowRefusals.ts";
import { TenantTurns } from "./TenantTurns.ts";

/** Who is let in when more come than can be served at once, of all tenants and of each. */
export interface CrowdControl {
  admission: Admission;
  pace: RefusalPace;
  refusals: SlowRefusals;
  turns: TenantTurns;
}

/** @param maximum requests that the process takes in at the same time. */
export function openCrowdControl(
  maximum: number,
  { refusals: counter }: Pick<Metrics, "refusals">,
): CrowdControl {
  const admission = new Admission(maximum, () => counter.inc({ reason: "overload" }));
  const pace = new RefusalPace();
  const turns = new TenantTurns(maximum, () => counter.inc({ reason: "tenant_crowd" }));
  return { admission, pace, refusals: makeSlowRefusals(pace, admission), turns };
}
