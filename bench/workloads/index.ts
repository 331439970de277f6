import { measureServers } from "../measure/measureServers.ts";
import { fixed, type ServerFigures, type Target } from "../report/section.ts";
import { ratioOf, serverTable } from "../report/serverTable.ts";
import { dashboard } from "./dashboard.ts";
import { fanout } from "./fanout.ts";
import { filter } from "./filter.ts";
import { limits } from "./limits.ts";
import { list } from "./list.ts";
import { mixed, mutation } from "./mutation.ts";
import { page } from "./page.ts";
import { point } from "./point.ts";
import { policyCalls } from "./policyCalls.ts";
import { readaudit } from "./readaudit.ts";
import { rls } from "./rls.ts";
import { share } from "./share.ts";
import { flat, tenants } from "./tenants.ts";
import type { ServerWorkload, Workload } from "./workload.ts";

/** How many times as fast as which other one. */
type Promises = readonly (readonly [server: string, least: number])[];

function servers(workload: ServerWorkload, promises: Promises = []): Workload {
  return {
    name: workload.name,
    async run(bench) {
      const figures = await measureServers(bench, workload);
      const { name, title, about } = workload;
      return {
        name,
        title,
        about,
        table: serverTable(figures),
        targets: promises.flatMap(([server, least]) => targetOf(figures, server, least)),
        servers: figures,
      };
    },
  };
}

function targetOf(figures: readonly ServerFigures[], server: string, least: number): Target[] {
  const other = figures.find((each) => each.server === server);
  const ratio = ratioOf(figures, "bailiwick", server);
  return other && Number.isFinite(ratio)
    ? [{ promise: `at least ${least} × ${other.title}`, measured: fixed(ratio), holds: ratio >= least }]
    : [];
}

/** In the order in which they are run and shown. */
export const WORKLOADS: readonly Workload[] = [
  servers(point, [
    ["postgraphile5", 3],
    ["mercurius", 1.5],
    ["pipeline", 0.85],
  ]),
  servers(list, [
    ["postgraphile5", 3],
    ["mercurius", 1.4],
    ["json", 0.8],
  ]),
  servers(page),
  servers(filter),
  servers(dashboard),
  servers(mutation, [["postgraphile5", 1.5]]),
  servers(mixed),
  fanout,
  share,
  tenants,
  flat,
  readaudit,
  rls,
  policyCalls,
  limits,
];
