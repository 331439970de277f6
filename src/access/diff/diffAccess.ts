import type { ClientBase } from "pg";
import type { Logger } from "pino";

import { openThrowAwayDatabase } from "../../database/throwAway/openThrowAwayDatabase.ts";
import { withClient } from "../../database/withClient.ts";
import { seedDatabase } from "../../seed/seedDatabase.ts";
import { everyRow } from "../sample/everyRow.ts";
import { type AccessFact, readAccessFacts } from "./accessFacts.ts";
import { compareApis } from "./compareApis.ts";
import { type AccessChange, compareFacts, type SplitExpression } from "./compareFacts.ts";
import type { Base, DatabaseBase, MigrationsBase } from "./findBase.ts";
import { compareSamples, copyRows, type SampleChange, takeSample } from "./sampleAccess.ts";

export interface AccessDiff {
  base: string;
  changes: AccessChange[];
  /** Null where the base is a database, which nothing is written to. */
  sample: SampleChange[] | null;
  /** What could not be compared, and why. */
  notes: string[];
}

export interface DiffOptions {
  logger: Logger;
  /** The API of a database as a document; the URL is of the gateway's login role or of an administrator. */
  printApi(url: string): Promise<string>;
  onProgress(fraction: number, step: string): void;
}

/** What this checkout's migrations, the open one included, make of everybody's rights, compared with a base. */
export async function diffAccess(base: Base, options: DiffOptions): Promise<AccessDiff> {
  options.onProgress(0, "making a database of this checkout");
  const now = await openThrowAwayDatabase(options.logger);
  try {
    return await withClient(now.urls.superuser, async (client) => {
      const present: Present = {
        client,
        facts: await readAccessFacts(client),
        api: await options.printApi(now.urls.gateway),
      };
      if (base.kind === "database") {
        return diffWithDatabase(base, present, options);
      }
      options.onProgress(0.15, "loading the demo");
      await seedDatabase(now);
      return diffWithMigrations(base, present, options);
    });
  } finally {
    await now.close();
  }
}

/** A database of this checkout, and what it says. */
interface Present {
  client: ClientBase;
  facts: AccessFact[];
  api: string;
}

async function diffWithDatabase(
  base: DatabaseBase,
  { client, facts, api }: Present,
  { onProgress, printApi }: DiffOptions,
): Promise<AccessDiff> {
  onProgress(0.5, "reading the given database");
  const theirs = await withClient(base.url, readAccessFacts);
  const notes = ["The base is a database: nothing was written to it, so no sample was taken."];
  const broken = await printApi(base.url).then(
    (document) => compareApis(document, api),
    () => {
      notes.push("The API of the base could not be built over this connection, and was not compared.");
      return [];
    },
  );
  const changes = compareFacts(theirs, facts, await splitterOf(client, [theirs, facts]));
  return { base: base.title, changes: sorted([...changes, ...broken]), sample: null, notes };
}

async function diffWithMigrations(
  base: MigrationsBase,
  { client, facts, api }: Present,
  { logger, onProgress, printApi }: DiffOptions,
): Promise<AccessDiff> {
  onProgress(0.25, "making a database of the base");
  const then = await openThrowAwayDatabase(logger, 18, base);
  try {
    return await withClient(then.urls.superuser, async (baseClient) => {
      const theirs = await readAccessFacts(baseClient);
      const theirApi = base.api ?? (await printApi(then.urls.gateway));
      const refused = await copyRows(client, baseClient);
      const before = await takeSample(baseClient, await everyRow(baseClient), (done) =>
        onProgress(0.4 + 0.3 * done, "asking at the base"),
      );
      const after = await takeSample(client, await everyRow(client), (done) =>
        onProgress(0.7 + 0.3 * done, "asking now"),
      );
      const changes = compareFacts(theirs, facts, await splitterOf(client, [theirs, facts]));
      return {
        base: base.title,
        changes: sorted([...changes, ...compareApis(theirApi, api)]),
        sample: compareSamples(before, after).filter(({ table }) => !refused.includes(table)),
        notes: refused.map((table) => `The base does not take the demo's rows of ${table}: not sampled.`),
      };
    });
  } finally {
    await then.close();
  }
}

/** The schema's own way to split expressions, asked once for all of them. */
export async function splitterOf(client: ClientBase, facts: AccessFact[][]): Promise<SplitExpression> {
  const expressions = [...new Set(facts.flat().map(({ value }) => value))];
  const { rows } = await client.query<{ expression: string } & ReturnType<SplitExpression>>(
    `select e.expression, a.connective, a.arms
     from unnest($1::text[]) as e (expression), app_hidden.expression_arms(e.expression) as a`,
    [expressions],
  );
  const known = new Map(rows.map((row) => [row.expression, row]));
  return (expression) => known.get(expression) ?? { connective: null, arms: [expression] };
}

const EFFECT_ORDER = ["WIDENS", "BREAKS", "NARROWS", "CHANGES"];

function sorted(changes: AccessChange[]): AccessChange[] {
  const key = ({ effect, object, command, role }: AccessChange) =>
    [EFFECT_ORDER.indexOf(effect), object, command, role].join(" ");
  return changes.sort((a, b) => key(a).localeCompare(key(b), "en"));
}

/** Whether somebody has to look at it before it is merged: it lets somebody do more, or breaks a client. */
export function needsApproval({ changes, sample }: AccessDiff): boolean {
  return (
    changes.some(({ effect }) => effect === "WIDENS" || effect === "BREAKS") ||
    (sample ?? []).some(({ gained }) => gained > 0)
  );
}
