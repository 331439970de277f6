import "postgraphile/adaptors/pg";

import type { GrafastExecutionArgs } from "grafast";
import {
  type ExecutionResult,
  getVariableValues,
  GraphQLError,
  type OperationDefinitionNode,
  OperationTypeNode,
} from "graphql";
import type { WithPgClient } from "postgraphile/@dataplan/pg";

import type { AccessRecord } from "../audit/AccessRecord.ts";
import type { ErrorCode } from "../errors/catalogue.ts";
import { classifyError } from "../errors/classifyError.ts";
import { findOperation } from "../limits/estimateCost.ts";
import { type CompiledRead, compileRead } from "./compileRead.ts";
import { NotCompilable } from "./NotCompilable.ts";
import { RememberedReads } from "./RememberedReads.ts";
import { RequestValue } from "./RequestValue.ts";
import { shapeOf, type ShapingVariables, shapingVariables } from "./shapingVariables.ts";
import { rewriteJson } from "./storedJson.ts";

/** What became of a query here; all but the first go on to Grafast. */
export type ReadOutcome = "compiled" | "unsuitable" | "failed";

interface CompiledReadsOptions {
  defaultPageSize: number;
  onOutcome: (outcome: ReadOutcome) => void;
}

type Variables = Readonly<Record<string, unknown>>;

interface Context {
  withPgClient: WithPgClient;
  pgSettings: Record<string, string | undefined>;
  accessRecord?: AccessRecord;
}

/** What is known of one operation of a document; the document is remembered by OperationLimitsPlugin's cache, or not at all. */
interface Known {
  shape: ShapingVariables;
  /** Null: only Grafast plans it. */
  reads: RememberedReads;
}

/** Of what a repetition in the same moment makes worse. */
const PASSING = new Set<ErrorCode>(["UNAVAILABLE", "TIMEOUT"]);

/** Answers queries that are plain trees of selects with one statement, whose result is the text of the answer. */
export class CompiledReads {
  readonly #options: CompiledReadsOptions;
  readonly #known = new WeakMap<OperationDefinitionNode, Known>();

  constructor(options: CompiledReadsOptions) {
    this.#options = options;
  }

  /** @returns null for what Grafast has to answer; nothing is on record then. */
  tryRun(args: GrafastExecutionArgs): Promise<ExecutionResult | null> | null {
    const prepared = this.#prepare(args);
    if (prepared === null) {
      this.#options.onOutcome("unsuitable");
      return null;
    }
    return this.#run(prepared, args.contextValue as unknown as Context);
  }

  #prepare(args: GrafastExecutionArgs): { read: CompiledRead; values: unknown[] } | null {
    const operation = findOperation(args);
    if (operation?.operation !== OperationTypeNode.QUERY) {
      return null;
    }
    const { variableDefinitions = [] } = operation;
    // Named as what every object has, a variable that is left out looks given: in which places is Grafast's own matter.
    if (variableDefinitions.some(({ variable }) => variable.name.value in Object.prototype)) {
      return null;
    }
    const { coerced } = getVariableValues(args.schema, variableDefinitions, { ...args.variableValues });
    const read = coerced ? this.#find(args, operation, coerced) : null;
    try {
      const values = read?.values.map((value) =>
        value instanceof RequestValue ? value.read(coerced ?? {}) : value,
      );
      return read && values ? { read, values } : null;
    } catch (error) {
      return ignoreNotCompilable(error);
    }
  }

  #find(
    { schema, document }: GrafastExecutionArgs,
    operation: OperationDefinitionNode,
    variables: Variables,
  ): CompiledRead | null {
    const known = this.#known.get(operation) ?? {
      shape: shapingVariables(document, schema),
      reads: new RememberedReads(),
    };
    this.#known.set(operation, known);
    const shape = shapeOf(known.shape, variables);
    const found = known.reads.get(shape);
    if (found !== undefined) {
      return found;
    }
    const { defaultPageSize } = this.#options;
    let read: CompiledRead | null;
    try {
      read = compileRead({ schema, document, operation, variables, defaultPageSize });
    } catch (error) {
      read = ignoreNotCompilable(error);
    }
    known.reads.set(shape, read);
    return read;
  }

  async #run(
    { read, values }: { read: CompiledRead; values: unknown[] },
    { withPgClient, pgSettings, accessRecord }: Context,
  ): Promise<ExecutionResult | null> {
    const { name, text, counts } = read;
    try {
      const { rows } = await withPgClient(pgSettings, (client) =>
        client.query<unknown[]>({ name, text, values, arrayMode: true } as never),
      );
      const [answer, owners, ...times] = rows[0] as unknown as [string, string | null, ...string[]];
      const data = read.hasStoredJson ? rewriteJson(answer) : answer;
      counts.forEach((columns, index) => accessRecord?.noteRows(columns, Number(times[index])));
      if (owners) {
        // Most rows of a list are of few patients.
        new Set(owners.split(" ")).forEach((owner) => accessRecord?.noteOwner(owner));
      }
      this.#options.onOutcome("compiled");
      return { data: data as never };
    } catch (error) {
      this.#options.onOutcome("failed");
      return failedAnswer(read, error as Error);
    }
  }
}

/**
 * What Grafast answers when the only field's statement has taken too long or not been run at all: it is not tried again. All
 * else that can be wrong, and in which of several fields, is for Grafast to find out: null.
 */
function failedAnswer({ fields }: CompiledRead, originalError: Error): ExecutionResult | null {
  const [[key, nodes] = ["", []], ...others] = fields;
  if (others.length > 0 || !PASSING.has(classifyError(originalError, false).code)) {
    return null;
  }
  const error = new GraphQLError(originalError.message, { nodes, path: [key], originalError });
  return { data: { [key]: null }, errors: [error] };
}

function ignoreNotCompilable(error: unknown): null {
  if (error instanceof NotCompilable) {
    return null;
  }
  throw error;
}
