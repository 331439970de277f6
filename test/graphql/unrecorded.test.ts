import { expect, it } from "@jest/globals";
import { buildSchema, parse } from "graphql";

import { makeRecordRequestsPlugin } from "../../plugins/RecordRequestsPlugin.ts";
import type { EventRecorder } from "../../src/audit/eventRecorder.ts";
import type { AppError } from "../../src/errors/AppError.ts";

type Execute = (args: object) => Promise<{ errors?: { originalError?: unknown }[]; data?: unknown }>;
interface Configured {
  getExecutionConfig(request: object): Promise<{ execute: Execute; subscribe: Execute }>;
}

const events: EventRecorder = {
  record: () => Promise.resolve(),
  recordRefusal: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/** What the plugin makes of an execution, and how often that one ran. */
async function recorded() {
  let runs = 0;
  const run: Execute = () => {
    runs++;
    return Promise.resolve({ data: {} });
  };
  const event: Configured = { getExecutionConfig: () => Promise.resolve({ execute: run, subscribe: run }) };
  const { setPreset } = makeRecordRequestsPlugin({ events }).grafserv?.middleware ?? {};
  (setPreset as unknown as (next: () => void, event: Configured) => void)(() => undefined, event);
  return { ...(await event.getExecutionConfig({})), runs: () => runs };
}

const schema = buildSchema(
  "type Query { a: String } type Mutation { a: String } type Subscription { a: String }",
);
const args = (document: string, contextValue: object) => ({
  schema,
  document: parse(document),
  contextValue,
  variableValues: {},
});

it.each(["{ a }", "mutation { a }", "subscription { a }"])(
  "%s without settings, of which nobody could say whose it is, does not run",
  async (document) => {
    const { execute, subscribe, runs } = await recorded();
    for (const each of [execute, subscribe]) {
      for (const context of [{}, { pgSettings: null }]) {
        const { data, errors } = await each(args(document, context));
        expect(data).toBeUndefined();
        expect((errors?.[0]?.originalError as AppError).code).toBe("INTERNAL");
      }
    }
    expect(runs()).toBe(0);
  },
);

it("an operation with settings runs", async () => {
  const { execute, runs } = await recorded();
  expect(await execute(args("{ a }", { pgSettings: { role: "app_user" } }))).toEqual({ data: {} });
  expect(runs()).toBe(1);
});
