import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { type HeldMemory, heldMemory, TELLS_MEMORY } from "../../support/heldMemory.ts";
import {
  allowedConnections,
  type Bench,
  countConnections,
  type Figure,
  type Served,
  withGateway,
} from "./bench.ts";
import { closedLoad, DATA_QUERY, makeSender, type Outcome, tally } from "./load.ts";
import { openSockets } from "./openSockets.ts";

const MINUTE = 60_000;
const MEGABYTE = 1024 * 1024;
const CLIENTS = 8;
/** More documents than any cache of the gateway keeps (500 at most): from then on a new one takes the place of another. */
const WARM_UP_DOCUMENTS = 1_100;
/** Milliseconds. What V8 learns of the code that runs fills up for longer than any cache, and then stops. */
const WARM_UP = 2 * MINUTE;
/** Milliseconds, on a machine that has nothing to spare. */
const LONGEST_WARM_UP = 4 * MINUTE;
const SECONDS_PER_SAMPLE = 10;
/** Their subsets are statements that differ, so that prepared ones come and go as well. */
const SCATTER = 167;
const COLUMNS = [
  "mrn",
  "city",
  "familyName",
  "givenName",
  "birthDate",
  "locale",
  "homeClinicId",
  "createdAt",
  "updatedAt",
];

interface Sample extends HeldMemory {
  minutes: number;
  files: number;
  connections: number;
}

/** Fault 22: everything at once for a long time: rows, errors, new documents and statements, sockets that come and go. */
export async function soak(bench: Bench): Promise<Figure[]> {
  return withGateway(bench, TELLS_MEMORY, async (gateway) => {
    const headers = bench.headersOf(bench.world.here.provider);
    const sender = makeSender(gateway.url, headers);
    const { send, documents } = mixedLoad(sender.send);
    const outcomes: Outcome[] = [];
    const round = async (milliseconds: number) => {
      outcomes.push(...(await closedLoad(send, CLIENTS, milliseconds)));
      const clients = openSockets(gateway, headers.authorization ?? "", 10, () => undefined);
      await sleep(300);
      clients.forEach((client) => void client.dispose());
    };
    const warmUp = performance.now();
    const warmed = () => performance.now() - warmUp;
    const isWarm = () => documents() >= WARM_UP_DOCUMENTS && warmed() >= WARM_UP;
    while (!isWarm() && warmed() < LONGEST_WARM_UP) {
      await round(5_000);
    }
    const wasWarm = isWarm();
    const samples: Sample[] = [];
    const began = performance.now();
    const minutes = () => (performance.now() - began) / MINUTE;
    do {
      samples.push(await sample(bench, gateway, minutes()));
      await round(SECONDS_PER_SAMPLE * 1000);
    } while (minutes() < bench.soakMinutes);
    samples.push(await sample(bench, gateway, minutes()));
    sender.close();
    return [figureOf(bench, { samples, outcomes, documents: documents(), isWarm: wasWarm })];
  });
}

/** Requests of four kinds in turn, and how many of them were documents that had not been there before. */
function mixedLoad(send: (query: string) => ReturnType<ReturnType<typeof makeSender>["send"]>) {
  let sequence = 0;
  let documents = 0;
  const distinct = () => {
    const number = documents++;
    const columns = COLUMNS.filter((_, bit) => ((number * SCATTER) >> bit) & 1).join(" ");
    return `query Distinct${number} { patients(first: 5) { nodes { a${number}: rowId ${columns} } } }`;
  };
  const queries = [
    () => DATA_QUERY,
    () => "{ nonsense }",
    distinct,
    () => "{ patients(first: 5) { totalCount } }",
  ];
  return {
    send: () => send(queries[sequence++ % queries.length]?.() ?? DATA_QUERY),
    documents: () => documents,
  };
}

async function sample(bench: Bench, { process: gateway }: Served, minutes: number): Promise<Sample> {
  return {
    minutes,
    ...(await heldMemory(gateway)),
    files: readdirSync(`/proc/${gateway.pid}/fd`).length,
    connections: await countConnections(bench),
  };
}

interface Soaked {
  samples: Sample[];
  outcomes: Outcome[];
  documents: number;
  isWarm: boolean;
}

function figureOf(bench: Bench, { samples, outcomes, documents, isWarm }: Soaked): Figure {
  const slope = (pick: (one: Sample) => number) =>
    slopeOf(samples.map((one) => [one.minutes, pick(one) / MEGABYTE]));
  const signed = (value: number) => `${value >= 0 ? "+" : ""}${value.toFixed(2)} MB/min`;
  const last = (pick: (one: Sample) => number) => (pick(samples.at(-1) as Sample) / MEGABYTE).toFixed(0);
  const files = samples.map((one) => one.files);
  const vary = Math.max(...files) - Math.min(...files);
  const connections = Math.max(...samples.map((one) => one.connections));
  const isWrong = outcomes.some(({ status }) => status !== 200 && status !== 503 && status !== 400);
  const held = slope((one) => one.held);
  return {
    number: "22",
    fault: `Soak: ${bench.soakMinutes} minutes of rows, errors, ever new documents and sockets`,
    promise: `what is held after a collection rises by less than 1 MB a minute, once two minutes and ${WARM_UP_DOCUMENTS.toLocaleString("en")} documents have filled every cache; files and connections flat`,
    measured: `${outcomes.length.toLocaleString("en")} requests, ${documents.toLocaleString("en")} documents (${tally(outcomes)}); held ${signed(held)} at ${last((one) => one.held)} MB, of the process ${signed(slope((one) => one.resident))} at ${last((one) => one.resident)} MB${isWarm ? "" : "; not warm yet"}; open files vary by ${vary}; at most ${connections} connections`,
    holds: isWarm && held < 1 && connections <= allowedConnections(bench) && vary < 40 && !isWrong,
  };
}

/** Least squares. */
function slopeOf(points: [number, number][]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(points.map(([at]) => at));
  const y = mean(points.map(([, value]) => value));
  const over = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  return over / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
}
