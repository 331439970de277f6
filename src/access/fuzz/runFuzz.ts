import { randomBytes } from "node:crypto";

import type { Logger } from "pino";

import type { PreparedDatabase } from "../../database/prepareDatabase.ts";
import { withClient } from "../../database/withClient.ts";
import { describeFailure } from "../../describeFailure.ts";
import { uuidsIn } from "./canaries.ts";
import { type FuzzReport } from "./fuzzReport.ts";
import { type FuzzRequests, fuzzRequests } from "./fuzzRequests.ts";
import { type FuzzWorld, makeFuzzWorld } from "./fuzzWorld.ts";
import { watchLiveNews } from "./liveNews.ts";
import { MadeUp } from "./MadeUp.ts";
import { makeReport } from "./makeReport.ts";
import { type Api, type Caller, openApi } from "./openApi.ts";
import { introduce, type LoggedGateway, probeOverHttp, startLoggedGateway } from "./overHttp.ts";
import {
  type Answers,
  foreignProbes,
  harvest,
  mixedProbes,
  type Probe,
  reportTraces,
  sendProbes,
} from "./probes.ts";
import type { Sources } from "./sources.ts";
import { forgetReads, readDigest, removeForeignRows } from "./tenantRows.ts";
import { ValuePool } from "./ValuePool.ts";
import { Walk } from "./Walk.ts";

export interface FuzzOptions {
  /** Only what names an item of the schema that this matches: `Patient.familyName`, `Query.patients(filter:)`. */
  only?: RegExp;
  /** Of the values that are made up and of the share that goes over HTTP. */
  seed?: number;
  onProgress?: (fraction: number, step: string) => void;
  signal?: AbortSignal;
}

/** Of the probes, what is sent through a socket as well. */
const HTTP_SHARE = 0.05;
const HTTP_PEOPLE = 2;
const KEY_BYTES = 32;

/** Everything that a walk goes on. */
interface Ground {
  database: PreparedDatabase;
  fuzz: FuzzWorld;
  requests: FuzzRequests;
  walk: Walk;
  sources: Sources;
  /** Counts one piece of work. */
  step: (name: string, pieces: number) => () => void;
}

/**
 * Walks through the whole API of a migrated, empty database, which it fills and afterwards leaves without one of its
 * tenants: it is for databases that are thrown away.
 *
 * @throws when the signal is aborted.
 */
export async function runFuzz(
  { config, urls }: PreparedDatabase,
  logger: Logger,
  { only, seed = 1, onProgress = () => undefined, signal }: FuzzOptions = {},
): Promise<FuzzReport> {
  const started = performance.now();
  // Without a key for the secrets of integrations, nothing could be tried of them.
  const keys = config.integrations.keys ?? randomBytes(KEY_BYTES).toString("base64");
  const database = { config: { ...config, integrations: { keys } }, urls };
  onProgress(0, "two tenants and their canaries");
  const fuzz = await makeFuzzWorld(database);
  const api = await openApi(database, logger);
  try {
    const requests = fuzzRequests(api.schema, only);
    const walk = await makeWalk(database, fuzz, api, signal);
    const isForeign = (row: object) =>
      [...uuidsIn(JSON.stringify(row))].some((id) => fuzz.foreignIds.has(id));
    const sources = {
      foreign: new ValuePool(isForeign),
      own: new ValuePool((row) => !isForeign(row)),
      madeUp: new MadeUp(seed),
    };
    const step = makeSteps(onProgress);
    await walkThrough({ database, fuzz, requests, walk, sources, step });
    const seconds = (performance.now() - started) / 1000;
    return makeReport({ walk, fuzz, requests, schema: api.schema, only, seed, seconds });
  } finally {
    await api.close();
  }
}

async function makeWalk(
  database: PreparedDatabase,
  { canaries, foreignIds }: FuzzWorld,
  api: Api,
  signal: AbortSignal | undefined,
): Promise<Walk> {
  const secrets = { canaries: new Map(canaries.map((canary) => [canary.marker, canary])), foreignIds };
  return new Walk(api, secrets, await withClient(database.urls.superuser, readDigest), signal);
}

/** What each step is of the whole, as it was measured. */
const SHARES: readonly (readonly [name: string, share: number])[] = [
  ["what there is", 0.1],
  ["what its owners see", 0.15],
  ["what others see", 0.4],
  ["over HTTP", 0.05],
  ["what others see without it", 0.3],
];

function makeSteps(onProgress: (fraction: number, step: string) => void): Ground["step"] {
  return (name, pieces) => {
    const index = SHARES.findIndex(([each]) => each === name);
    const before = SHARES.slice(0, index).reduce((sum, [, share]) => sum + share, 0);
    const share = SHARES[index]?.[1] ?? 0;
    let done = 0;
    return () => onProgress(before + (share * ++done) / pieces, name);
  };
}

async function walkThrough(ground: Ground): Promise<void> {
  const { database, fuzz, walk, step } = ground;
  await findWhatThereIs(ground);
  const { written, before } = await withServer(ground, async (served) => {
    await watchNews(ground, served);
    if (served) {
      await introduce(database, served, fuzz.outsiders);
    }
    await withClient(database.urls.superuser, forgetReads);
    walk.expectDigest(await withClient(database.urls.superuser, readDigest));
    const probes = probesOf(ground);
    const answers = await sendProbes(walk, probes, step("what others see", probes.length));
    await sendShare(ground, served, probes, answers);
    return { written: probes, before: answers };
  });
  await withClient(database.urls.superuser, async (client) => {
    await removeForeignRows(client, fuzz.tables);
    await forgetReads(client);
  });
  walk.expectDigest(await withClient(database.urls.superuser, readDigest));
  const again = written.map(({ request, variables, callers }) => ({ request, variables, callers }));
  const after = await sendProbes(walk, again, step("what others see without it", again.length));
  reportTraces(walk, written, [before, after]);
}

/** Runs with a gateway as it is started in production; without one, where it refuses to serve what it finds. */
async function withServer<T>(
  { database, walk }: Ground,
  work: (served: LoggedGateway | undefined) => Promise<T>,
): Promise<T> {
  const served = await startLoggedGateway(database).catch((error: unknown) => {
    const detail = `the gateway refuses to serve this database: ${describeFailure(error)}`;
    walk.report({ kind: "failure", field: "gateway", person: "", detail });
    return undefined;
  });
  try {
    return await work(served);
  } finally {
    await served?.gateway.close();
  }
}

/** Ids and values of both sides; and the proof that whoever may see a canary is shown it. */
async function findWhatThereIs({ fuzz, requests, walk, sources, step }: Ground): Promise<void> {
  const { finding, reads, choices, filters, changes } = requests;
  const all = [...reads, ...choices, ...filters, ...changes];
  const asEach =
    (callers: readonly Caller[], isInsider: boolean): Parameters<typeof harvest>[3] =>
    async (request, variables) => {
      const answers: unknown[] = [];
      for (const caller of callers) {
        const { data } = isInsider
          ? await walk.askAsInsider(caller, request, variables)
          : await walk.askAsOutsider(caller, request, variables);
        answers.push(data);
      }
      return answers;
    };
  const insiders = asEach(fuzz.insiders, true);
  const found = step("what there is", 2 * finding.length);
  await harvest(finding, sources.foreign, sources, insiders, found);
  await harvest(finding, sources.own, sources, asEach(fuzz.outsiders.slice(0, 2), false), found);
  await harvest(all, sources.foreign, sources, insiders, step("what its owners see", all.length));
}

function probesOf({ fuzz, requests, sources }: Ground): Probe[] {
  const { reads, choices, filters, changes } = requests;
  const { outsiders } = fuzz;
  const readers = outsiders.filter((caller) => caller.reads);
  const direct = reads.filter(({ title }) => title.startsWith("Query."));
  const inner = reads.filter((request) => !direct.includes(request));
  return [
    ...foreignProbes(direct, outsiders, sources),
    ...foreignProbes([...inner, ...choices, ...filters], readers, sources),
    ...foreignProbes(changes, outsiders, sources),
    ...mixedProbes(
      changes,
      outsiders.filter(({ writes }) => writes),
      sources,
    ),
  ];
}

/** Every subscription, while rows change: before the probes, since these changes stay. */
async function watchNews(
  { database, fuzz, requests, walk, sources }: Ground,
  served: LoggedGateway | undefined,
): Promise<void> {
  if (!served || requests.subscriptions.length === 0) {
    return;
  }
  await watchLiveNews({
    walk,
    database,
    served,
    requests: requests.subscriptions,
    sources,
    tables: fuzz.tables,
    outsiders: fuzz.outsiders.filter(({ reads }) => reads),
    insiders: fuzz.insiders,
  });
  walk.expectDigest(await withClient(database.urls.superuser, readDigest));
}

/** Some probes through a socket and past the log; none that would change anything, since there it would stay. */
async function sendShare(
  { database, walk, sources, step }: Ground,
  served: LoggedGateway | undefined,
  probes: readonly Probe[],
  { changing }: Answers,
): Promise<void> {
  const share = probes
    .filter((probe, index) => !changing.has(probe) && sources.madeUp.chooses(`${index}`, HTTP_SHARE))
    .map((probe) => ({ ...probe, callers: probe.callers.slice(0, HTTP_PEOPLE) }));
  if (served) {
    await probeOverHttp(walk, database, served, share, step("over HTTP", share.length));
  }
}
