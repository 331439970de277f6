import type pg from "pg";

import { type ApiList, findApiLists } from "../../src/access/plans/apiLists.ts";
import { makePlanData } from "../../src/access/plans/makePlanData.ts";
import { type OpenApi, openApi, type Statement } from "../../src/access/plans/openApi.ts";
import { findPlanPeople, type PlanPerson } from "../../src/access/plans/planPeople.ts";
import { withClient } from "../../src/database/withClient.ts";
import { switchAudit } from "../data/openBenchData.ts";
import { explicitFilters, type FilteredTable, withFilters } from "../measure/explicitFilter.ts";
import { median } from "../measure/median.ts";
import { fixed, whole } from "../report/section.ts";
import type { Bench, Workload } from "./workload.ts";

const APPOINTMENTS = { small: 60_000, full: 1_000_000, huge: 1_000_000 };
const REPEATS = 41;
const MOST = 1.1;

interface Timed {
  list: string;
  rows: number;
  /** Milliseconds. */
  secured: number;
  filtered: number;
}

/** One list of the API, of a whole page, with each of its fields that a filter knows. */
function pageRequest({ name, filters }: ApiList) {
  const fields = filters.map(({ field }) => field).join(" ");
  return { title: name, query: `{ list: ${name}(first: 50) { nodes { __typename ${fields} } } }` };
}

/** A connection that runs one statement again and again, prepared, under settings that stay. */
async function prepareRunner(client: pg.Client, settings: Readonly<Record<string, string>>) {
  await client.query("begin");
  await client.query("select set_config(key, value, true) from json_each_text($1::json)", [
    JSON.stringify(settings),
  ]);
  return async ({ text, values }: Statement, name: string) => {
    const began = performance.now();
    const { rows } = await client.query({ name, text, values, rowMode: "array" });
    return { milliseconds: performance.now() - began, rows: rows.length };
  };
}

type Runner = Awaited<ReturnType<typeof prepareRunner>>;

/** Both ways take turns. @returns undefined where they do not find the same number of rows: then they are not the same question. */
async function timeBoth(
  list: string,
  statement: Statement,
  { secured, filtered, tables }: { secured: Runner; filtered: Runner; tables: readonly FilteredTable[] },
): Promise<Timed | undefined> {
  const plain = { ...statement, text: withFilters(statement.text, tables) };
  const times = { secured: [] as number[], filtered: [] as number[] };
  let rows = 0;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const left = await secured(statement, list);
    const right = await filtered(plain, list);
    if (left.rows !== right.rows) {
      return undefined;
    }
    rows = left.rows;
    times.secured.push(left.milliseconds);
    times.filtered.push(right.milliseconds);
  }
  return { list, rows, secured: median(times.secured), filtered: median(times.filtered) };
}

async function timeLists(
  urls: { superuser: string; gateway: string },
  api: OpenApi,
  person: PlanPerson,
): Promise<{ timed: Timed[]; left: string[] }> {
  return withClient(urls.superuser, (superuser) =>
    withClient(urls.gateway, async (gateway) => {
      const tables = await explicitFilters(superuser, person);
      const secured = await prepareRunner(gateway, { ...person.settings, statement_timeout: "60s" });
      const filtered = await prepareRunner(superuser, { statement_timeout: "60s" });
      const timed: Timed[] = [];
      const left: string[] = [];
      for (const list of findApiLists(api.schema)) {
        const { statements } = await api.ask(person.settings, pageRequest(list));
        const [statement] = statements;
        const both = statement && (await timeBoth(list.name, statement, { secured, filtered, tables }));
        if (both && both.rows > 0) {
          timed.push(both);
        } else {
          left.push(list.name);
        }
      }
      return { timed, left };
    }),
  );
}

async function openPlans({ data, options }: Bench) {
  const appointments = APPOINTMENTS[options.size];
  return data.make(`bench_plans_${appointments}`, "plans", async (urls) => {
    await withClient(urls.superuser, (client) => client.query(switchAudit("disable")));
    await makePlanData(urls, appointments);
  });
}

export const rls: Workload = {
  name: "rls",
  async run(bench) {
    const urls = await openPlans(bench);
    const [person] = await withClient(urls.superuser, findPlanPeople);
    if (!person) {
      throw new Error("There is nobody to ask.");
    }
    const api = await openApi(urls.gateway);
    const { timed, left } = await timeLists(urls, api, person).finally(() => api.close());
    const ratios = timed.map(({ secured, filtered }) => secured / filtered);
    const within = ratios.filter((ratio) => ratio <= MOST).length;
    const sorted = timed.toSorted((a, b) => b.secured / b.filtered - a.secured / a.filtered);
    return {
      name: "rls",
      title: "What row security costs",
      about: `The statement behind a page of 50 of each list of the API, among ${whole(APPOINTMENTS[bench.options.size])} appointments of a hundred organizations: as a provider under row security, and as a superuser past it, with the provider's organization and clinic written into the statement. Medians of ${REPEATS} in turn, prepared, a round trip on the same machine included. Left out, because the two ways do not show the same rows (policies let more through than the clinic's own, or less) or none: ${left.join(", ") || "nothing"}.`,
      table: {
        head: ["list", "rows", "row security ms", "explicit filter ms", "ratio"],
        rows: sorted.map(({ list, rows, secured, filtered }) => [
          list,
          whole(rows),
          fixed(secured),
          fixed(filtered),
          fixed(secured / filtered),
        ]),
      },
      targets: [
        {
          promise: `at most ${MOST} × the explicit filter, for every list`,
          measured: `${within} of ${ratios.length} lists; the median list ${fixed(median(ratios))}, the worst ${fixed(Math.max(...ratios))}`,
          holds: within === ratios.length,
        },
      ],
    };
  },
};
