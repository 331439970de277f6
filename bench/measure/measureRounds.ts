import type { LoadResult } from "../load/fire.ts";
import type { LoadGenerator } from "../load/LoadGenerator.ts";
import type { ServerProcess } from "../peers/ServerProcess.ts";
import type { ServerFigures } from "../report/section.ts";
import type { PreparedServer } from "./compareAnswers.ts";
import { median } from "./median.ts";
import { childCpuSeconds, cpuSeconds, peakMemory } from "./processes.ts";

export interface Rounds {
  rounds: number;
  seconds: number;
  connections: number;
  postmaster: number;
}

export interface MeasuredServer extends PreparedServer {
  process: ServerProcess;
}

/** Seconds: a server runs for months, and until V8 has compiled what it runs, a quarter of its time is compiling. */
const WARM_UP = 5;

interface Round extends LoadResult {
  /** Seconds of processor. */
  cpu: number;
  databaseCpu: number;
}

/** Every server gets as much load as it takes, in turn; each after a warm-up. @throws at the first wrong answer. */
export async function measureRounds(
  servers: readonly MeasuredServer[],
  load: LoadGenerator,
  settings: Rounds,
): Promise<ServerFigures[]> {
  for (const server of servers) {
    await measureRound(server, load, { ...settings, seconds: WARM_UP });
  }
  const rounds = servers.map((): Round[] => []);
  for (let round = 0; round < settings.rounds; round++) {
    for (const [index, server] of servers.entries()) {
      rounds[index]?.push(await measureRound(server, load, settings));
    }
  }
  return servers.map(({ process }, index) => summarize(process, rounds[index] ?? []));
}

async function measureRound(
  { process, requests }: MeasuredServer,
  load: LoadGenerator,
  { seconds, connections, postmaster }: Rounds,
): Promise<Round> {
  const before = { cpu: cpuSeconds(process.pid), database: childCpuSeconds(postmaster) };
  const result = await load.fire({ url: process.url, requests, connections, seconds });
  const { wrong, lost, answered, firstWrong } = result;
  if (wrong > 0 || lost > 0) {
    throw new Error(
      `${process.server.title}: of ${answered} answers ${wrong} were wrong and ${lost} lost; the first: ${firstWrong}`,
    );
  }
  return {
    ...result,
    cpu: cpuSeconds(process.pid) - before.cpu,
    databaseCpu: childCpuSeconds(postmaster) - before.database,
  };
}

function summarize({ server, pid }: ServerProcess, rounds: readonly Round[]): ServerFigures {
  const answered = rounds.filter((round) => round.answered > 0);
  if (answered.length === 0) {
    throw new Error(`${server.title} answered nothing in any round: they are too short for this machine.`);
  }
  const of = (figure: (round: Round) => number) => median(answered.map(figure));
  return {
    server: server.name,
    title: server.title,
    perSecond: of(({ answered, seconds }) => answered / seconds),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    cpu: of(({ cpu, answered }) => (1000 * cpu) / answered),
    databaseCpu: of(({ databaseCpu, answered }) => (1000 * databaseCpu) / answered),
    memory: peakMemory(pid),
  };
}
