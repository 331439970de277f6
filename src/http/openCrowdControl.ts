import type { HttpConfig } from "../config.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { Admission } from "./Admission.ts";
import { RefusalPace } from "./RefusalPace.ts";
import { makeSlowRefusals, type SlowRefusals } from "./slowRefusals.ts";
import { SocketPlaces } from "./SocketPlaces.ts";
import { TenantTurns } from "./TenantTurns.ts";

/** Who is let in when more come than can be served at once, of all tenants and of each. */
export interface CrowdControl {
  admission: Admission;
  pace: RefusalPace;
  refusals: SlowRefusals;
  turns: TenantTurns;
  /** Of websockets. */
  places: SocketPlaces;
}

export function openCrowdControl(
  { maximumConcurrent: maximum, sockets }: Pick<HttpConfig, "maximumConcurrent" | "sockets">,
  { refusals: counter }: Pick<Metrics, "refusals">,
): CrowdControl {
  const admission = new Admission(maximum, () => counter.inc({ reason: "overload" }));
  const pace = new RefusalPace();
  const turns = new TenantTurns(maximum, () => counter.inc({ reason: "tenant_crowd" }));
  const places = new SocketPlaces(sockets, () => counter.inc({ reason: "websockets" }));
  return { admission, pace, places, refusals: makeSlowRefusals(pace, admission), turns };
}
