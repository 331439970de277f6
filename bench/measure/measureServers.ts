import type { DatabaseUrls } from "../../src/database/databaseUrls.ts";
import { switchAudit } from "../data/openBenchData.ts";
import { findPeople } from "../data/people.ts";
import { ServerProcess } from "../peers/ServerProcess.ts";
import { type Server, SERVERS } from "../peers/servers.ts";
import type { ServerFigures } from "../report/section.ts";
import type { Bench, ServerWorkload } from "../workloads/workload.ts";
import { compareAnswers } from "./compareAnswers.ts";
import { type MeasuredServer, measureRounds } from "./measureRounds.ts";
import { requestOf, targetOf } from "./target.ts";

const PEOPLE = 100;

/** A server and the database it works on. */
export interface Placed {
  server: Server;
  urls: DatabaseUrls;
}

/** The servers that were asked for and have something like it, each on its database. */
async function placeServers(bench: Bench, workload: ServerWorkload): Promise<Placed[]> {
  const { data, options } = bench;
  const servers = SERVERS.filter(
    ({ name }) =>
      !workload.leftOut?.includes(name) && (options.only.length === 0 || options.only.includes(name)),
  );
  const urls = await data.open(workload.shape, options.size);
  const others = workload.isWriting ? await data.copy(urls, "unaudited", switchAudit("disable")) : urls;
  return servers.map((server) => ({ server, urls: server.isOurs ? urls : others }));
}

/**
 * Starts the servers, compares their answers, and lets them take turns.
 *
 * @param given other servers than those that the workload is for. Those on other data do not answer the same, and are not
 *   compared.
 */
export async function measureServers(
  bench: Bench,
  workload: ServerWorkload,
  given?: { placed: readonly Placed[]; isSameData: boolean },
): Promise<ServerFigures[]> {
  const { data, load, options } = bench;
  const running: MeasuredServer[] = [];
  try {
    for (const { server, urls } of given?.placed ?? (await placeServers(bench, workload))) {
      const process = await ServerProcess.start(server, data.config, urls);
      const measured: MeasuredServer = { process, requests: [] };
      running.push(measured);
      const people = await findPeople(urls, data.config, workload.people ?? PEOPLE);
      const { operations } = workload;
      const asks = await workload.asks(people, targetOf(process.url, server.dialect, operations));
      measured.requests = asks.map((ask) => requestOf(ask, server.dialect, operations));
    }
    // Each by itself where the data differ: its answers are right ones all the same, and it is warm then.
    const alike = (given?.isSameData ?? true) ? [running] : running.map((server) => [server]);
    for (const group of alike) {
      await compareAnswers(group);
    }
    return await measureRounds(running, load, { ...options, postmaster: data.postmaster });
  } finally {
    await Promise.all(running.map(({ process }) => process.stop()));
  }
}
