import type pg from "pg";

import type { DatabaseUrls } from "../../database/databaseUrls.ts";
import { withClient } from "../../database/withClient.ts";
import { findApiLists } from "./apiLists.ts";
import { filterRequests, orderRequests, sampleRequest } from "./apiRequests.ts";
import { explainStatement } from "./explainStatement.ts";
import { judgePlan } from "./judgePlan.ts";
import { measureTables, type PlannedTables } from "./measureTables.ts";
import { type ApiRequest, type OpenApi, openApi } from "./openApi.ts";
import { findPlanPeople, type PlanPerson } from "./planPeople.ts";
import { planShape } from "./planShape.ts";
import { policyStatements } from "./policyStatements.ts";
import { readDocuments } from "./readDocuments.ts";

export const PLAN_PARTS = ["policies", "documents", "lists"] as const;
/** Each policy by itself; screens of a front end; every list of the API in each order and by each filter. */
export type PlanPart = (typeof PLAN_PARTS)[number];

/** How one statement is answered. */
export interface ExplainedPlan {
  part: PlanPart;
  /** Who asks. */
  person: string;
  /** What is asked, such as `app_public.patients update` or `calendarDay 2`. */
  title: string;
  /** How it comes to its rows, see planShape. */
  shape: string;
  /** What is wrong with it; accepted findings are left out. */
  findings: string[];
}

export interface ExplainOptions {
  parts?: readonly PlanPart[];
  /** Called before each statement or request. */
  onProgress?: (person: string, part: PlanPart, title: string) => void;
  signal?: AbortSignal;
}

/** What a plan may do, and why. */
const ACCEPTED: Readonly<Record<string, string>> = {
  "asks a subquery for each row of session_transcripts":
    "whoever sees the session sees its final transcripts: one look-up by key, for rows of clinics that are not the caller's",
};

interface Work {
  client: pg.Client;
  api: OpenApi;
  tables: PlannedTables;
  superuser: pg.ClientBase;
  options: ExplainOptions;
}

/**
 * Explains, as the real role of each of the people, what the given parts ask. On a database that `makePlanData` has filled.
 */
export async function explainPlans(
  urls: Pick<DatabaseUrls, "superuser" | "gateway">,
  options: ExplainOptions = {},
): Promise<ExplainedPlan[]> {
  const { parts = PLAN_PARTS } = options;
  const api = await openApi(urls.gateway);
  try {
    return await withClient(urls.superuser, (superuser) =>
      withClient(urls.gateway, async (client) => {
        const tables = await measureTables(superuser);
        const work: Work = { client, api, tables, superuser, options };
        const explained: ExplainedPlan[] = [];
        for (const person of await findPlanPeople(superuser)) {
          for (const part of PLAN_PARTS.filter((known) => parts.includes(known))) {
            explained.push(...(await PART_RUNNERS[part](work, person)));
          }
        }
        return explained;
      }),
    );
  } finally {
    await api.close();
  }
}

const PART_RUNNERS: Record<PlanPart, (work: Work, person: PlanPerson) => Promise<ExplainedPlan[]>> = {
  policies: explainPolicies,
  documents: async (work, person) =>
    explainRequests(work, person, "documents", await readDocuments(person.variables)),
  lists: async (work, person) => explainRequests(work, person, "lists", await listRequests(work, person)),
};

async function explainPolicies(work: Work, person: PlanPerson): Promise<ExplainedPlan[]> {
  const explained: ExplainedPlan[] = [];
  for (const { title, text, isRun } of await policyStatements(work.superuser)) {
    tell(work, person, "policies", title);
    const plan = await explainStatement(
      work.client,
      { text, values: [] },
      { settings: person.settings, isRun },
    );
    explained.push({ part: "policies", person: person.name, title, ...judge(plan, work.tables) });
  }
  return explained;
}

async function explainRequests(
  work: Work,
  person: PlanPerson,
  part: PlanPart,
  requests: readonly ApiRequest[],
): Promise<ExplainedPlan[]> {
  const explained: ExplainedPlan[] = [];
  for (const request of requests) {
    tell(work, person, part, request.title);
    const { statements } = await work.api.ask(person.settings, request);
    // Those of one request are sent side by side, in any order.
    const ordered = statements.sort((left, right) => (left.text < right.text ? -1 : 1));
    for (const [index, statement] of ordered.entries()) {
      const plan = await explainStatement(work.client, statement, {
        settings: person.settings,
        isRun: true,
      });
      const title = statements.length > 1 ? `${request.title} ${index + 1}` : request.title;
      explained.push({ part, person: person.name, title, ...judge(plan, work.tables) });
    }
  }
  return explained;
}

async function listRequests({ api }: Work, { settings }: PlanPerson): Promise<ApiRequest[]> {
  const lists = findApiLists(api.schema);
  const requests = lists.flatMap(orderRequests);
  for (const list of lists) {
    const { data } = await api.ask(settings, sampleRequest(list));
    const [sample] = (data.list as { nodes: Record<string, unknown>[] }).nodes;
    requests.push(...(sample ? filterRequests(list, sample) : []));
  }
  return requests;
}

function tell({ options }: Work, { name }: PlanPerson, part: PlanPart, title: string): void {
  options.signal?.throwIfAborted();
  options.onProgress?.(name, part, title);
}

function judge(
  plan: Parameters<typeof judgePlan>[0],
  tables: PlannedTables,
): Pick<ExplainedPlan, "shape" | "findings"> {
  const findings = judgePlan(plan, tables.tenantRows).filter((finding) => !ACCEPTED[finding]);
  return { shape: planShape(plan, tables), findings };
}
