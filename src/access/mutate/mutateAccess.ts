import { type Client, DatabaseError } from "pg";

import { cloneDatabase, dropClone } from "../../database/cloneDatabase.ts";
import { type DatabaseUrls, databaseUrls, withDatabase } from "../../database/databaseUrls.ts";
import type { OpenDatabase } from "../../database/openDatabase.ts";
import { withClient } from "../../database/withClient.ts";
import { type Mutant, mutantKin } from "./generateMutants.ts";
import type { BenchKiller, CloneKiller, Killer, Reach } from "./killer.ts";

/** What became of one mutant. */
export interface MutantResult extends Mutant {
  /** `invalid`: its SQL cannot run, which is a fault of the operator. */
  status: "killed" | "survived" | "invalid";
  /** Who killed it; `rows` when the world's own rows contradict a weaker key. */
  killer: string | null;
  /** What was noticed; for an invalid one, why it cannot run. */
  evidence: string | null;
  seconds: number;
}

type Verdict = Pick<MutantResult, "status" | "killer" | "evidence">;

export interface MutateOptions {
  /** The server, and its migrated database without rows. */
  database: OpenDatabase;
  /** The same database with the furnished world. */
  world: DatabaseUrls;
  mutants: readonly Mutant[];
  /** In this order; the first that notices a mutant ends it. */
  killers: readonly Killer[];
  /** How many at once. */
  jobs: number;
  signal?: AbortSignal;
  onResult?: (result: MutantResult, done: number) => void;
}

/** Everybody looks near first: what is far takes seconds. */
const REACHES = ["near", "far"] as const;
/** How often a killer may be mistaken about one mutant. */
const ATTEMPTS = 3;
const INTEGRITY_VIOLATION = /^23/;
const SURVIVED: Verdict = { status: "survived", killer: null, evidence: null };
/** What every killer has to let pass. */
const NO_MUTANT: Mutant = {
  operator: "none",
  object: "the database as it is",
  touches: null,
  sql: "select",
  isClusterWide: false,
};

/**
 * Tries every mutant: first in a transaction that is rolled back, then, when it went unnoticed, on a clone. Ends early
 * when the signal comes; clones are dropped in any case.
 *
 * @returns results in the order of the mutants; without those that an interruption left out.
 * @throws when a killer notices something in the database as it is.
 */
export async function mutateAccess(options: MutateOptions): Promise<MutantResult[]> {
  const { mutants, jobs, signal } = options;
  const results = new Map<Mutant, MutantResult>();
  const queue = [...mutants];
  const huntInTransaction = makeTransactionHunt(options);
  const huntOnClones = makeCloneHunt(options);
  const work = (job: number) =>
    withBench(options, `mutants_bench_${process.pid}_${job}`, async (bench) => {
      for (let mutant = queue.shift(); mutant && !signal?.aborted; mutant = queue.shift()) {
        const began = performance.now();
        let verdict = SURVIVED;
        for (const reach of REACHES) {
          verdict = verdict === SURVIVED ? await huntInTransaction(mutant, bench, reach) : verdict;
          // What all databases share must not change for the others that are at work.
          const isOpen = verdict === SURVIVED && !mutant.isClusterWide && !signal?.aborted;
          verdict = isOpen ? await huntOnClones(mutant, job, reach) : verdict;
        }
        if (!signal?.aborted) {
          const result = { ...mutant, ...verdict, seconds: (performance.now() - began) / 1000 };
          results.set(mutant, result);
          options.onResult?.(result, results.size);
        }
      }
    });
  await withBench(options, `mutants_bench_${process.pid}_0`, (bench) =>
    proveInTransaction(bench, huntInTransaction),
  );
  await Promise.all(Array.from({ length: jobs }, (_, job) => work(job)));
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

/** @throws when a killer sees something in a transaction that changes nothing. */
async function proveInTransaction(bench: Client, hunt: TransactionHunt): Promise<void> {
  for (const reach of REACHES) {
    const { killer, evidence } = await hunt(NO_MUTANT, bench, reach);
    if (killer !== null) {
      throw alreadyFails(killer, evidence);
    }
  }
}

const alreadyFails = (killer: string, evidence: string | null) =>
  new Error(`Without any mutant, ${killer} already fails: ${evidence}`);

type TransactionHunt = (mutant: Mutant, client: Client, reach: Reach) => Promise<Verdict>;

/** Asks first who has killed most mutants of the same operator in rules of the same name, whatever their table. */
function makeTransactionHunt({ killers }: MutateOptions): TransactionHunt {
  const benchKillers = killers.filter((one): one is BenchKiller => one.looksAt === "transaction");
  const kills = new Map<string, number>();
  return async (mutant, client, reach) => {
    const keyOf = ({ name }: BenchKiller) => `${mutantKin(mutant)} ${name}`;
    const killsOf = (killer: BenchKiller) => kills.get(keyOf(killer)) ?? 0;
    await client.query("begin");
    try {
      const refusal = await applyMutant(client, mutant.sql);
      if (refusal) {
        return refusal;
      }
      for (const killer of benchKillers.toSorted((a, b) => killsOf(b) - killsOf(a))) {
        const evidence = await killer.findEvidence(mutant, client, reach);
        if (evidence !== null) {
          kills.set(keyOf(killer), killsOf(killer) + 1);
          return { status: "killed", killer: killer.name, evidence };
        }
      }
      return SURVIVED;
    } finally {
      await client.query("rollback");
    }
  };
}

/** Rows of the world that contradict a weaker key are evidence as good as a rule. */
async function applyMutant(client: Client, sql: string): Promise<Verdict | undefined> {
  try {
    await client.query(sql);
    return undefined;
  } catch (error) {
    if (!(error instanceof DatabaseError)) {
      throw error;
    }
    return INTEGRITY_VIOLATION.test(error.code ?? "")
      ? { status: "killed", killer: "rows", evidence: error.message }
      : { status: "invalid", killer: null, evidence: `${error.code}: ${error.message}` };
  }
}

/** Asks one killer after the other, each on a clone of the database without rows; once before that, without a mutant. */
function makeCloneHunt({ database, killers }: MutateOptions) {
  const cloneKillers = killers.filter((one): one is CloneKiller => one.looksAt === "clone");
  const { config, urls: template } = database;
  const onClone = async <T>(job: number, work: (urls: DatabaseUrls) => Promise<T>): Promise<T> => {
    const name = `mutant_${process.pid}_${job}`;
    await cloneDatabase(template, name);
    try {
      return await work(databaseUrls(config.database, withDatabase(template.superuser, name)));
    } finally {
      await dropClone(template, name);
    }
  };
  const ask = (killer: CloneKiller, mutant: Mutant, job: number, reach: Reach) =>
    onClone(job, async (urls) => {
      await withClient(urls.superuser, (client) => client.query(mutant.sql));
      return killer.findEvidence(mutant, urls, reach);
    });
  const askUntilSure = async (killer: CloneKiller, mutant: Mutant, job: number, reach: Reach) => {
    let evidence: string | null = null;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      evidence = await ask(killer, mutant, job, reach);
      if (evidence === null || !(await onClone(job, (urls) => killer.isThereAnyway(urls)))) {
        return evidence;
      }
    }
    throw new Error(
      `What ${killer.name} notices of ${mutant.object} is there without the mutant too: ${evidence}`,
    );
  };
  const proven = new Map<CloneKiller, Promise<void>>();
  const prove = async (killer: CloneKiller, job: number) => {
    for (const reach of REACHES) {
      const evidence = await ask(killer, NO_MUTANT, job, reach);
      if (evidence !== null) {
        throw alreadyFails(killer.name, evidence);
      }
    }
  };
  return async (mutant: Mutant, job: number, reach: Reach): Promise<Verdict> => {
    for (const killer of cloneKillers) {
      const proof = proven.get(killer) ?? prove(killer, job);
      proven.set(killer, proof);
      await proof;
      const evidence = await askUntilSure(killer, mutant, job, reach);
      if (evidence !== null) {
        return { status: "killed", killer: killer.name, evidence };
      }
    }
    return SURVIVED;
  };
}
