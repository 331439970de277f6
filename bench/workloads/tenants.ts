import { measureServers, type Placed } from "../measure/measureServers.ts";
import { SERVERS } from "../peers/servers.ts";
import { fixed, type Section, type ServerFigures } from "../report/section.ts";
import { serverTable } from "../report/serverTable.ts";
import { askForList, listOperation } from "./list.ts";
import { askForPatients, pointOperation } from "./point.ts";
import type { Bench, ServerWorkload, Workload } from "./workload.ts";

const POINTS_OF_EACH = 3;

const onDatabaseOf = (servers: readonly string[], shape: "few" | "many", words: string) => ({
  shape,
  servers: SERVERS.filter(({ name }) => servers.includes(name)).map((server) => ({
    ...server,
    name: `${server.name} ${shape}`,
    title: `${server.title}, ${words}`,
  })),
});

/** The same servers on ten tenants' data and on ten thousand tenants', in one run. */
async function measureBoth(bench: Bench, workload: ServerWorkload, servers: readonly string[]) {
  const { data, options } = bench;
  const placed: Placed[] = [];
  for (const { shape, servers: renamed } of [
    onDatabaseOf(servers, "few", "10 tenants"),
    onDatabaseOf(servers, "many", options.size === "small" ? "100 tenants" : "10,000 tenants"),
  ]) {
    const urls = await data.open(shape, options.size);
    placed.push(...renamed.map((server) => ({ server, urls })));
  }
  return measureServers(bench, workload, { placed, isSameData: false });
}

function slowdown(figures: readonly ServerFigures[], server: string): number {
  const of = (shape: string) =>
    figures.find((each) => each.server === `${server} ${shape}`)?.perSecond ?? NaN;
  return of("few") / of("many");
}

const MOST = 1.2;
const ROWS = { small: "20,000 rows", full: "two million rows", huge: "ten million rows" };

async function measureGrowth(bench: Bench, workload: ServerWorkload): Promise<Section> {
  const figures = await measureBoth(bench, workload, ["bailiwick", "postgraphile5"]);
  const ratio = slowdown(figures, "bailiwick");
  const { name, title, about } = workload;
  const rows = ROWS[bench.options.size];
  return {
    name,
    title,
    about: `${about} Here, many were ${rows}.`,
    table: serverTable(figures),
    targets: [{ promise: `at most ${MOST} × the time of few`, measured: fixed(ratio), holds: ratio <= MOST }],
  };
}

export const tenants: Workload = {
  name: "tenants",
  run: (bench) =>
    measureGrowth(bench, {
      name: "tenants",
      title: "Ten thousand tenants: points and lists",
      about:
        "Three points for each list of 50 patients, asked by people of up to two thousand tenants, on data of ten tenants and of ten thousand.",
      shape: "many",
      people: 2000,
      operations: { point: pointOperation, list: listOperation },
      asks: (people) =>
        people.flatMap((person) => [...askForPatients([person], POINTS_OF_EACH), askForList(person)]),
    }),
};

export const flat: Workload = {
  name: "flat",
  run: (bench) =>
    measureGrowth(bench, {
      name: "flat",
      title: "Flat: points among few rows and among many",
      about:
        "One patient by id, among ten thousand rows of ten tenants and among all rows of ten thousand tenants, asked by people of up to two thousand of them.",
      shape: "many",
      people: 2000,
      operations: { point: pointOperation },
      asks: (people) => askForPatients(people, POINTS_OF_EACH),
    }),
};
