import { setTimeout as sleep } from "node:timers/promises";

import { findPostmaster } from "../../../src/database/embedded/postmaster.ts";
import { eventually } from "../../support/eventually.ts";
import { type Bench, countConnections, type Figure, type Served, withGateway } from "./bench.ts";
import { closedLoad, isHonest, LIGHT_QUERY, makeSender, type Outcome, tally } from "./load.ts";

const WRITERS = 8;

const updateCity = (patientId: string, city: string) =>
  `mutation { updatePatient(input: { id: "${Buffer.from(JSON.stringify(["Patient", patientId])).toString("base64")}", patch: { city: "${city}" } }) { patient { city } } }`;

/** Faults 1 and 2: the server is killed, and shut down at once, under writers who keep a journal of what they were told. */
export async function killedServer(bench: Bench): Promise<Figure[]> {
  return withGateway(bench, {}, async (gateway) => [
    await stopUnderWriters(bench, gateway, "1", "Postgres killed (SIGKILL) under 8 writers", "SIGKILL"),
    await stopUnderWriters(
      bench,
      gateway,
      "2",
      "Postgres shut down at once (SIGQUIT) under 8 writers",
      "SIGQUIT",
    ),
  ]);
}

async function stopUnderWriters(
  bench: Bench,
  gateway: Served,
  number: string,
  fault: string,
  signal: NodeJS.Signals,
): Promise<Figure> {
  const { here } = bench.world;
  const sender = makeSender(gateway.url, bench.headersOf(here.staff));
  const marker = `fault-${number}-`;
  const acknowledged: string[] = [];
  let sequence = 0;
  const write = async () => {
    const city = `${marker}${sequence++}`;
    const answer = await sender.send(updateCity(here.patient.id, city));
    if (answer.status === 200 && answer.text.includes(city)) {
      acknowledged.push(city);
    }
    return answer;
  };
  const load = closedLoad(write, WRITERS, bench.seconds * 1000);
  await sleep((bench.seconds * 1000) / 3);
  const pid = findPostmaster(bench.clusterDir)?.pid;
  if (pid === undefined) {
    throw new Error(`No server runs in '${bench.clusterDir}'.`);
  }
  process.kill(pid, signal);
  const outcomes = await load;
  await eventually(async () => (await sender.send(LIGHT_QUERY)).status === 200, 60_000);
  sender.close();
  // Every acknowledged change has left its event, in the transaction of the change.
  const { rows } = await bench.superuser.query<{ count: number }>(
    `select count(*)::int as count from app_audit.events
     where table_name = 'app_public.patients' and row_id = $1 and command = 'UPDATE' and occurred_at > now() - $2::interval`,
    [here.patient.id, `${bench.seconds + 90} seconds`],
  );
  const lost = Math.max(0, acknowledged.length - (rows[0]?.count ?? 0));
  const failed = outcomes.filter(({ status }) => status !== 200);
  const window = failed.length === 0 ? 0 : (failed.at(-1)?.at ?? 0) - Math.min(...failed.map(({ at }) => at));
  return {
    number,
    fault,
    promise: "0 acknowledged writes lost; every failure is a 503 with Retry-After; the gateway survives",
    measured: `${lost} of ${acknowledged.length.toLocaleString("en")} acknowledged writes lost; ${tally(outcomes)}; failures within ${(window / 1000).toFixed(1)} s`,
    holds: lost === 0 && failed.every(isHonest),
  };
}

/** Fault 3: the connection breaks around the message that also commits, when nobody can know whether it has happened. */
export async function cutAtCommit(bench: Bench): Promise<Figure[]> {
  return withGateway(bench, {}, async (gateway) => {
    const sender = makeSender(gateway.url, bench.headersOf(bench.world.here.staff));
    const outcomes: Outcome[] = [];
    for (const when of ["before", "after"] as const) {
      gateway.proxy.set({ cutAt: { words: `cut-${when}`, when } });
      const query = updateCity(bench.world.here.patient.id, `cut-${when}`);
      outcomes.push(...(await closedLoad(() => sender.send(query), 4, (bench.seconds * 1000) / 4)));
    }
    gateway.proxy.heal();
    const healed = performance.now();
    await eventually(async () => (await sender.send(LIGHT_QUERY)).status === 200);
    const recovery = performance.now() - healed;
    sender.close();
    const stuck = await countConnections(bench, "state like 'idle in transaction%'");
    return [
      {
        number: "3",
        fault: "Connection reset before and after the statement and its commit are sent",
        promise:
          "503 and never a false success; healthy again within 5 s; no connection left in a transaction",
        measured: `${tally(outcomes)}; healthy after ${(recovery / 1000).toFixed(2)} s; ${stuck} left in a transaction`,
        holds: outcomes.every(({ status }) => status === 503) && recovery < 5_000 && stuck === 0,
      },
    ];
  });
}

/** Fault 4: packets vanish, and nothing says so. */
export async function silentNetwork(bench: Bench): Promise<Figure[]> {
  return withGateway(bench, {}, async (gateway) => {
    const sender = makeSender(gateway.url, bench.headersOf(bench.world.here.provider));
    await sender.send(LIGHT_QUERY);
    gateway.proxy.set({ blackHole: "both" });
    const [outcome] = await Promise.all([closedLoad(() => sender.send(LIGHT_QUERY), 1, 1)]);
    gateway.proxy.cut();
    gateway.proxy.heal();
    await eventually(async () => (await sender.send(LIGHT_QUERY)).status === 200);
    sender.close();
    const seconds = (outcome[0]?.milliseconds ?? Infinity) / 1000;
    return [
      {
        number: "4",
        fault: "Network to Postgres falls silent (black hole)",
        promise: "503 within statement_timeout + 1 s (11 s, and 10 % for the machine)",
        measured: `${tally(outcome)} after ${seconds.toFixed(1)} s`,
        holds: outcome.every(isHonest) && outcome[0]?.status === 503 && seconds < 12.1,
      },
    ];
  });
}
