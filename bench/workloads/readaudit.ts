import { measureServers, type Placed } from "../measure/measureServers.ts";
import { type Server, SERVERS, UNRECORDED } from "../peers/servers.ts";
import { fixed, type ServerFigures, type Target } from "../report/section.ts";
import { serverTable } from "../report/serverTable.ts";
import { list } from "./list.ts";
import { point } from "./point.ts";
import type { Workload } from "./workload.ts";

const MOST_LOSS = 0.15;
const MOST_DELAY = 5;

function targetsOf(what: string, [recorded, unrecorded]: readonly ServerFigures[]): Target[] {
  const loss = 1 - (recorded?.perSecond ?? NaN) / (unrecorded?.perSecond ?? NaN);
  const delay = (recorded?.p50 ?? NaN) - (unrecorded?.p50 ?? NaN);
  return [
    {
      promise: `${what}: at most 15 % less throughput`,
      measured: `${fixed(100 * loss, 1)} %`,
      holds: loss <= MOST_LOSS,
    },
    {
      promise: `${what}: at most ${MOST_DELAY} ms more at p50`,
      measured: `${fixed(delay, 1)} ms`,
      holds: delay <= MOST_DELAY,
    },
  ];
}

export const readaudit: Workload = {
  name: "readaudit",
  async run(bench) {
    const { data, options } = bench;
    const urls = await data.open("clinic", options.size);
    const ours = SERVERS.filter(({ isOurs }) => isOurs);
    const figures: ServerFigures[] = [];
    const targets: Target[] = [];
    for (const workload of [point, list]) {
      const titled = ({ title, ...server }: Server) => ({ ...server, title: `${title}: ${workload.name}` });
      const placed: Placed[] = [...ours, UNRECORDED].map((server) => ({ server: titled(server), urls }));
      const measured = await measureServers(bench, workload, { placed, isSameData: true });
      targets.push(...targetsOf(workload.name, measured));
      figures.push(...measured);
    }
    return {
      name: "readaudit",
      title: "What the record of reads costs",
      about:
        "The gateway puts on record what each answer shows of patients before the answer leaves, and waits for the disk. Beside it, the same gateway without that plugin, which exists for this measurement only.",
      table: serverTable(figures),
      targets,
    };
  },
};
