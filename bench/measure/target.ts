import type { LoadRequest } from "../load/fire.ts";
import type { Dialect } from "../peers/servers.ts";
import type { Ask, Operation, Target } from "../workloads/workload.ts";

type Operations = Readonly<Record<string, Operation>>;

/** The question as this server is asked it. */
export function requestOf(
  { operation, variables, person, expect }: Ask,
  dialect: Dialect,
  operations: Operations,
): LoadRequest {
  const headers: Record<string, string> = person ? { authorization: `Bearer ${person.token}` } : {};
  if (dialect === "plain") {
    return { path: `/${operation}`, headers, body: JSON.stringify(variables), expect };
  }
  const found = operations[operation];
  const query = found?.document(dialect) ?? "";
  const given = found?.variables?.(dialect, variables) ?? variables;
  return { path: "/graphql", headers, body: JSON.stringify({ query, variables: given }), expect };
}

/** @throws with the answer where it is not a right one. */
export async function answerOf(url: string, { path, headers, body, expect }: LoadRequest): Promise<unknown> {
  const response = await fetch(url + path, {
    method: "POST",
    // Not one that is kept from the question before: a server may be closing it just now.
    headers: { "content-type": "application/json", connection: "close", ...headers },
    body,
  });
  const text = await response.text();
  if (response.status !== 200 || text.includes('"errors":') || !text.includes(expect)) {
    throw new Error(`answers ${response.status} ${text.slice(0, 600)}\n to ${body.slice(0, 600)}`);
  }
  return (JSON.parse(text) as { data: unknown }).data;
}

export function targetOf(url: string, dialect: Dialect, operations: Operations): Target {
  return {
    dialect,
    send: async (ask) => {
      const request = requestOf({ ...ask, expect: "" }, dialect, operations);
      return (await answerOf(url, request)) as Record<string, unknown>;
    },
  };
}
