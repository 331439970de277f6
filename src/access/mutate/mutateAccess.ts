import { Client } from "pg";

import { databaseUrls, type DatabaseUrls, withDatabase } from "../../database/databaseUrls.ts";
import { cloneDatabase, dropClone } from "../../database/cloneDatabase.ts";
import type { OpenDatabase } from "../../database/openDatabase.ts";
import { withClient } from "../../database/withClient.ts";
import { type CheckVerdict, makeMutantCheck, type CheckMutantOptions } from "./checkMutant.ts";
import type { Mutant } from "./generateMutants.ts";
import type { Killer } from "./killer.ts";

/** What became of one mutant. */
export interface MutantResult extends Mutant {
  status: "killed" | "survived" | "invalid";
  /** Who killed it, and by what; for an invalid one, why it cannot run. */
  killer: string | null;
  evidence: string | null;
  seconds: number;
}

export interface MutateOptions {
  /** The server, and its migrated database without rows. */
  database: OpenDatabase;
  /** The same database with the furnished world. */
  world: DatabaseUrls;
  mutants: readonly Mutant[];
  check: CheckMutantOptions;
  /** In this order, after the check; the first that notices a mutant ends it. */
  killers: readonly Killer[];
  /** How many at once. */
  jobs: number;
  signal?: AbortSignal;
  onResult?: (result: MutantResult, done: number) => void;
}

type Judge = (mutant: Mutant) => Promise<CheckVerdict>;

/**
 * Tries every mutant: first in a transaction against the rules of the check, then, when it went unnoticed, on a clone
 * for each killer. Ends early when the signal comes; clones are dropped in any case.
 *
 * @returns results in the order of the mutants; without those that an interruption left out.
 */
export async function mutateAccess(options: MutateOptions): Promise<MutantResult[]> {
  const { mutants, jobs } = options;
  const results = new Map<Mutant, MutantResult>();
  const judgeOf = makeMutantCheck(options.check);
  const queue = [...mutants];
  const unseen: Mutant[] = [];
  const settle = (result: MutantResult, mutant: Mutant) => {
    results.set(mutant, result);
    options.onResult?.(result, results.size);
  };
  const work = (job: number) =>
    withBench(options, `mutants_bench_${process.pid}_${job}`, async (bench) => {
      const judge: Judge = (mutant) => judgeOf(bench, mutant);
      for (let mutant = queue.shift(); mutant && !options.signal?.aborted; mutant = queue.shift()) {
        const began = performance.now();
        const verdict = await judge(mutant);
        if (verdict.kind === "unnoticed" && mutant.undo !== null) {
          // What all databases share changes for all jobs: these wait until nobody else is at work.
          unseen.push(mutant);
          continue;
        }
        const outcome = verdict.kind === "unnoticed" ? await hunt(mutant, job, options) : verdict;
        settle(asResult(mutant, outcome, began), mutant);
      }
    });
  await Promise.all(Array.from({ length: jobs }, (_, job) => work(job)));
  for (const mutant of unseen) {
    if (options.signal?.aborted) {
      break;
    }
    const began = performance.now();
    settle(asResult(mutant, await hunt(mutant, 0, options), began), mutant);
  }
  return mutants.flatMap((mutant) => results.get(mutant) ?? []);
}

/** A clone of the world on which mutants are tried in transactions. */
async function withBench(
  { world }: MutateOptions,
  name: string,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  await cloneDatabase(world, name);
  try {
    await withClient(withDatabase(world.superuser, name), work);
  } finally {
    await dropClone(world, name);
  }
}

/** Asks one killer after the other, each on a clone of its own that holds the mutant. */
async function hunt(mutant: Mutant, job: number, options: MutateOptions): Promise<CheckVerdict> {
  const { database, world, killers } = options;
  for (const killer of killers) {
    const template = killer.looksAt === "world" ? world : database.urls;
    const name = `mutant_${process.pid}_${job}`;
    await cloneDatabase(template, name);
    const urls = databaseUrls(database.config.database, withDatabase(template.superuser, name));
    try {
      await withClient(urls.superuser, (client) => client.query(mutant.sql));
      const evidence = await killer.findEvidence(mutant, urls);
      if (evidence !== null) {
        return { kind: "killed", killer: killer.name, evidence };
      }
    } finally {
      if (mutant.undo !== null) {
        const { undo } = mutant;
        await withClient(urls.superuser, (client) => client.query(undo));
      }
      await dropClone(template, name);
    }
  }
  return { kind: "unnoticed" };
}

function asResult(mutant: Mutant, verdict: CheckVerdict, began: number): MutantResult {
  const seconds = (performance.now() - began) / 1000;
  switch (verdict.kind) {
    case "killed":
      return { ...mutant, status: "killed", killer: verdict.killer, evidence: verdict.evidence, seconds };
    case "invalid":
      return { ...mutant, status: "invalid", killer: null, evidence: verdict.evidence, seconds };
    case "unnoticed":
      return { ...mutant, status: "survived", killer: null, evidence: null, seconds };
  }
}
