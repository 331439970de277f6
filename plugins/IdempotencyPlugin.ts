import "grafserv";
import "postgraphile/adaptors/pg";

import type { GrafastExecutionArgs } from "grafast";
import { type ExecutionResult, GraphQLError, OperationTypeNode } from "graphql";
import type { PgClient, WithPgClient } from "postgraphile/@dataplan/pg";

import { sha256 } from "../src/documents/sha256.ts";
import { currentRequestContext } from "../src/http/requestContext.ts";
import { isFinal, readAnswer } from "../src/idempotency/answerOf.ts";
import { inOneTransaction } from "../src/idempotency/inOneTransaction.ts";
import { hashKey, openAnswer } from "../src/idempotency/sealedAnswer.ts";
import { sealResult } from "../src/idempotency/sealResult.ts";
import { findOperation } from "../src/limits/estimateCost.ts";

type Settings = Record<string, string | undefined>;
type Execute = (args: GrafastExecutionArgs) => unknown;

/**
 * Settings that decide what a request means: who asks, where and why. All others may differ between two attempts at the same
 * thing, which comes again from another network or in a session that was refreshed.
 */
const MEANING = ["jwt.claims.sub", "app.organization_id", "app.clinic_id", "app.purpose_of_use"];

/**
 * A mutation with an `Idempotency-Key` runs in one transaction, at whose end its answer is kept. A repetition gets that
 * answer and changes nothing; if the first attempt left no answer, it left no effect either.
 */
export const IdempotencyPlugin: GraphileConfig.Plugin = {
  name: "IdempotencyPlugin",
  description: "Answers repetitions of a mutation with the answer of the first attempt",
  version: "1.0.0",
  grafserv: {
    middleware: {
      setPreset(next, event) {
        const { getExecutionConfig } = event;
        event.getExecutionConfig = async function (request) {
          const config = await getExecutionConfig.call(this, request);
          return {
            ...config,
            execute: ((args: GrafastExecutionArgs) => {
              const context = currentRequestContext();
              return context?.idempotencyKey && isMutation(args)
                ? executeOnce(args, context.idempotencyKey, config.execute)
                : config.execute(args);
            }) as typeof config.execute,
          };
        };
        return next();
      },
    },
  },
};

function isMutation(args: GrafastExecutionArgs): boolean {
  return findOperation(args)?.operation === OperationTypeNode.MUTATION;
}

async function executeOnce(
  args: GrafastExecutionArgs,
  key: string,
  execute: Execute,
): Promise<ExecutionResult> {
  const { withPgClient, pgSettings } = args.contextValue as {
    withPgClient: WithPgClient;
    pgSettings: Settings;
  };
  const attempt = { args, key, requestHash: hashRequest(args, pgSettings), pgSettings, execute };
  try {
    return await withPgClient(pgSettings, (client) =>
      client.withTransaction((transaction) => answer(transaction, attempt)),
    );
  } catch (error) {
    return { errors: [new GraphQLError("The operation failed.", { originalError: error as Error })] };
  }
}

interface Attempt {
  args: GrafastExecutionArgs;
  key: string;
  requestHash: Buffer;
  pgSettings: Settings;
  execute: Execute;
}

async function answer(
  client: PgClient,
  { args, key, requestHash, pgSettings, execute }: Attempt,
): Promise<ExecutionResult> {
  const keyHash = hashKey(key);
  const { rows } = await client.query<{ sealed: Buffer | null }>({
    text: "select app_hidden.claim_idempotency_key($1::bytea, $2::bytea) as sealed",
    values: [keyHash, requestHash],
  });
  const sealed = rows[0]?.sealed;
  if (sealed) {
    const headers = currentRequestContext()?.headers ?? {};
    headers["idempotent-replayed"] = "true";
    return readAnswer(openAnswer(key, requestHash, sealed), textOf(args));
  }
  const contextValue = {
    ...(args.contextValue as object),
    withPgClient: inOneTransaction(client, pgSettings),
  };
  const result = (await execute({ ...args, contextValue })) as ExecutionResult;
  if (isFinal(result)) {
    await client.query({
      text: "select app_hidden.keep_idempotent_answer($1::bytea, $2::bytea, $3::bytea)",
      values: [keyHash, requestHash, sealResult(key, requestHash, result)],
    });
  }
  return result;
}

function textOf({ document }: GrafastExecutionArgs): string {
  return document.loc?.source.body ?? "";
}

/** What makes two requests the same: document, variables, who asks, where and why. */
function hashRequest(args: GrafastExecutionArgs, settings: Settings): Buffer {
  const meaning = MEANING.map((name) => settings[name] ?? "");
  const request = [textOf(args), args.operationName ?? null, args.variableValues ?? null, meaning];
  return Buffer.from(sha256(JSON.stringify(request)), "hex");
}
