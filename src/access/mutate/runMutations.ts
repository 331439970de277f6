import type { Logger } from "pino";

import type { OpenDatabase } from "../../database/openDatabase.ts";
import { openThrowAwayDatabase } from "../../database/throwAway/openThrowAwayDatabase.ts";
import { withClient } from "../../database/withClient.ts";
import { completeScope } from "../accessScope.ts";
import { loadRules } from "../rules.ts";
import { readOwnWaivers, type Waiver } from "../waivers.ts";
import { makeCheckKiller } from "./checkKiller.ts";
import { type Choice, chooseMutants, mutantName } from "./chooseMutants.ts";
import { furnishWorld } from "./furnishWorld.ts";
import { generateMutants, type Mutant } from "./generateMutants.ts";
import { judgeSurvivors } from "./judgeSurvivors.ts";
import type { Killer } from "./killer.ts";
import { makeMatrixKiller, probeBaseline } from "./matrixKiller.ts";
import { type MutantResult, mutateAccess, type MutateOptions } from "./mutateAccess.ts";
import type { MutationJournal } from "./mutationJournal.ts";
import type { MutationReport } from "./mutationReport.ts";
import { loadOperators } from "./operators.ts";
import { assertTests, makeTestKiller } from "./testKiller.ts";

export const KILLERS = ["check", "matrix", "tests"] as const;
export type KillerName = (typeof KILLERS)[number];

export interface MutationRequest {
  choice: Choice;
  /** Which of them look, in their order. */
  killers: readonly KillerName[];
  /** What the path of a test's file has to have in it; empty for all. */
  tests: string;
  waivers: readonly Waiver[];
  jobs: number;
  /** What earlier runs found out, and where this one writes. */
  journal?: MutationJournal;
  signal?: AbortSignal;
  onResult?: (result: MutantResult, done: number, total: number) => void;
}

const WORLD = "mutants_world";

/** Migrates a throw-away server, derives the mutants of its catalogue and tries those that are asked for. */
export async function runMutations(logger: Logger, request: MutationRequest): Promise<MutationReport> {
  const began = performance.now();
  await assertTests(request.tests);
  const database = await openThrowAwayDatabase(logger);
  try {
    const today = new Date().toISOString().slice(0, 10);
    const { world, generated, killers } = await prepare(database, request, today);
    const mutants = chooseMutants(generated, request.choice);
    try {
      const { known, results } = await tryUnknown({ database, world, mutants, killers }, request);
      const isFinished = results.length === mutants.length;
      const isComplete = isFinished && mutants.length === generated.length;
      return {
        generated: generated.length,
        known,
        ...judgeSurvivors(results, request.waivers, { today, isComplete }),
        killers: killers.map(({ name }) => name),
        isFinished,
        jobs: request.jobs,
        seconds: (performance.now() - began) / 1000,
      };
    } finally {
      await Promise.all(killers.map((killer) => killer.close?.()));
    }
  } finally {
    await database.close();
  }
}

/** Tries what the journal does not know, and last what survived before. @returns results in the order of the mutants, and how many were known. */
async function tryUnknown(
  { mutants, ...rest }: Pick<MutateOptions, "database" | "world" | "mutants" | "killers">,
  { killers, jobs, signal, journal, onResult }: MutationRequest,
): Promise<{ known: number; results: MutantResult[] }> {
  const kills = new Map(
    mutants.flatMap((mutant) => {
      const kill = journal?.killOf(mutant, killers);
      return kill ? [[mutantName(mutant), kill] as const] : [];
    }),
  );
  const triedBefore = (mutant: Mutant) => (journal?.hasFailed(mutant) ? 1 : 0);
  const tried = await mutateAccess({
    ...rest,
    mutants: mutants
      .filter((mutant) => !kills.has(mutantName(mutant)))
      .toSorted((a, b) => triedBefore(a) - triedBefore(b)),
    jobs,
    ...(signal && { signal }),
    onResult: (result, done) => {
      journal?.keep(result);
      onResult?.(result, kills.size + done, mutants.length);
    },
  });
  const results = new Map([...kills, ...tried.map((result) => [mutantName(result), result] as const)]);
  return { known: kills.size, results: mutants.flatMap((mutant) => results.get(mutantName(mutant)) ?? []) };
}

/** The furnished world, the mutants of its catalogue, and those who have to notice them. */
async function prepare(database: OpenDatabase, { killers: names, tests }: MutationRequest, today: string) {
  const { urls, world } = await furnishWorld(database, WORLD);
  const rules = await loadRules();
  const waivers = await readOwnWaivers();
  return withClient(urls.superuser, async (client) => {
    const scope = await completeScope(client, {});
    const generated: Mutant[] = await generateMutants(client, scope, await loadOperators());
    const makers: Record<KillerName, () => Promise<Killer>> = {
      check: () => Promise.resolve(makeCheckKiller({ scope, rules, waivers, today })),
      matrix: async () =>
        makeMatrixKiller({ world, baseline: await probeBaseline(client, world), schemas: scope.schemas }),
      tests: async () => {
        // Which functions a test runs is counted: it need not be asked about others.
        await client.query("alter system set track_functions = 'all'");
        await client.query("select pg_catalog.pg_reload_conf()");
        return makeTestKiller(database.config, tests);
      },
    };
    const killers: Killer[] = [];
    for (const name of KILLERS.filter((one) => names.includes(one))) {
      killers.push(await makers[name]());
    }
    return { world: urls, generated, killers };
  });
}
