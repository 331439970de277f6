import pg from "pg";

import type { Actor, TestDatabase } from "../support/database.ts";
import type { TestGateway } from "../support/graphql.ts";
import { type ApiList, LIST_OPERATOR } from "./apiLists.ts";
import type { PlanNode } from "./judgePlan.ts";

/** One statement that the gateway sent. */
interface Statement {
  text: string;
  values: unknown[];
}

/** A list asked in one way. */
export interface ApiRequest {
  /** What it asks for, such as `appointments(orderBy: [STARTS_AT_ASC])`. */
  title: string;
  query: string;
  variables?: Record<string, unknown>;
}

export interface Explained extends ApiRequest {
  plan: PlanNode;
  /** Milliseconds in the database. */
  time: number;
}

/** Answers requests as one person, and explains what the gateway asked the database for. */
export interface Explainer {
  answer(request: ApiRequest): Promise<Record<string, unknown>[]>;
  explain(requests: readonly ApiRequest[]): Promise<Explained[]>;
}

const PAGE = "first: 20";

export function makeExplainer(db: TestDatabase, gateway: TestGateway, actor: Actor): Explainer {
  const ask = async ({ title, query, variables }: ApiRequest) => {
    const { data, errors } = await gateway.query(actor, query, { variables });
    if (errors) {
      throw new Error(`${title}: ${errors.map(({ message }) => message).join(", ")}`);
    }
    return data.list.nodes as Record<string, unknown>[];
  };
  return {
    answer: ask,
    async explain(requests) {
      const explained: Explained[] = [];
      for (const request of requests) {
        const statements = await recordStatements(() => ask(request));
        explained.push(
          ...(await db.asUser(actor, ({ rows }) => Promise.all(statements.map(explainOne(rows))))).map(
            (plan) => ({ ...request, ...plan }),
          ),
        );
      }
      return explained;
    },
  };
}

function explainOne(rows: (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>) {
  return async ({ text, values }: Statement) => {
    const [row] = await rows(`explain (analyze, timing off, costs off, format json) ${text}`, values);
    const [{ Plan: plan, "Execution Time": time }] = row?.["QUERY PLAN"] as [
      { Plan: PlanNode; "Execution Time": number },
    ];
    return { plan, time };
  };
}

/** What the gateway, which runs in this process, reads from tables while the work is done. */
async function recordStatements(work: () => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = [];
  const query = pg.Client.prototype.query;
  pg.Client.prototype.query = function record(this: pg.Client, ...args: unknown[]) {
    const [config] = args;
    if (typeof config === "object" && config !== null && "text" in config) {
      const { text, values = [] } = config as { text: string; values?: unknown[] };
      if (/\bfrom "app_/.test(text)) {
        statements.push({ text, values });
      }
    }
    return Reflect.apply(query, this, args);
  } as typeof query;
  try {
    await work();
  } finally {
    pg.Client.prototype.query = query;
  }
  return statements;
}

/** The list in each of its orders. */
export function orderRequests({ name, orders }: ApiList): ApiRequest[] {
  return [undefined, ...orders].map((order) => {
    const orderBy = order ? `, orderBy: [${order}]` : "";
    return {
      title: `${name}(${order ?? "as it comes"})`,
      query: `{ list: ${name}(${PAGE}${orderBy}) { nodes { __typename } pageInfo { hasNextPage } } }`,
    };
  });
}

/** Its first row, with every field that it can be filtered by. */
export function sampleRequest({ name, filters }: ApiList): ApiRequest {
  const fields = filters.map(({ field }) => field).join(" ");
  return { title: name, query: `{ list: ${name}(first: 1) { nodes { __typename ${fields} } } }` };
}

/** The list filtered by each field and operator, with the values of a row that is there. */
export function filterRequests({ name, filters }: ApiList, sample: Record<string, unknown>): ApiRequest[] {
  return filters.flatMap(({ field, operators }) => {
    const value = sample[field];
    return value === null || value === undefined
      ? []
      : operators.map((operator) => ({
          title: `${name}(${field} ${operator})`,
          query: `query ($filter: ${filterType(sample)}) { list: ${name}(${PAGE}, filter: $filter) { nodes { __typename } } }`,
          variables: { filter: { [field]: { [operator]: operator === LIST_OPERATOR ? [value] : value } } },
        }));
  });
}

function filterType(sample: Record<string, unknown>): string {
  return `${String(sample.__typename)}Filter`;
}
