import "grafserv";

import type { GrafastExecutionArgs } from "grafast";
import { OperationTypeNode } from "graphql";

import type { ReplicaReads } from "../src/database/replicas/ReplicaReads.ts";
import { formatWalPosition } from "../src/database/replicas/walPosition.ts";
import { POSITION_HEADER } from "../src/http/readDatabasePosition.ts";
import { currentRequestContext } from "../src/http/requestContext.ts";
import { findOperation } from "../src/limits/estimateCost.ts";

/** Notes that a mutation has ended, so that its author reads it from replicas, and tells clients where in the log it stands. */
export function makeDatabasePositionPlugin(replicas: ReplicaReads): GraphileConfig.Plugin {
  return {
    name: "DatabasePositionPlugin",
    description: "Lets people read from replicas what they have written",
    version: "1.0.0",
    grafserv: {
      middleware: {
        setPreset(next, event) {
          const { getExecutionConfig } = event;
          event.getExecutionConfig = async function (request) {
            const config = await getExecutionConfig.call(this, request);
            return {
              ...config,
              execute: (async (args: GrafastExecutionArgs) => {
                try {
                  return await config.execute(args);
                } finally {
                  // Also of one that failed: some of its fields may not have.
                  if (findOperation(args)?.operation === OperationTypeNode.MUTATION) {
                    await noteWrite(replicas);
                  }
                }
              }) as typeof config.execute,
            };
          };
          return next();
        },
      },
    },
  };
}

async function noteWrite(replicas: ReplicaReads): Promise<void> {
  const context = currentRequestContext();
  const position = await replicas.noteWrite(context?.userId ?? null);
  if (context && position !== null) {
    context.headers[POSITION_HEADER] = formatWalPosition(position);
  }
}
