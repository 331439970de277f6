import { fixed, type ServerFigures, type Table, whole } from "./section.ts";

/** What all are compared with. */
export const STOCK = "postgraphile5";

export function ratioOf(servers: readonly ServerFigures[], name: string, base = STOCK): number {
  const of = (wanted: string) => servers.find(({ server }) => server === wanted)?.perSecond ?? NaN;
  return of(name) / of(base);
}

/** Ratios are to stock PostGraphile 5, or to the first where that was not measured. */
export function serverTable(servers: readonly ServerFigures[]): Table {
  const base = servers.some(({ server }) => server === STOCK) ? STOCK : (servers[0]?.server ?? "");
  return {
    head: [
      "server",
      "requests/s",
      "×",
      "p50 ms",
      "p99 ms",
      "CPU ms/request",
      "Postgres CPU ms/request",
      "memory MiB",
    ],
    rows: servers.map((each) => [
      each.title,
      whole(each.perSecond),
      fixed(ratioOf(servers, each.server, base)),
      fixed(each.p50, 1),
      fixed(each.p99, 1),
      fixed(each.cpu),
      fixed(each.databaseCpu),
      whole(each.memory),
    ]),
  };
}
