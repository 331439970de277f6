import { grafast } from "grafast";
import { makeSchema } from "graphile-build";
import type { ExecutionResult, GraphQLSchema } from "graphql";
import pg from "pg";
import { makePgService } from "postgraphile/adaptors/pg";

import type { PgSettings } from "../../auth/pgSettings.ts";
import { withoutLimits } from "../../limits/withoutLimits.ts";
import { EXPOSED_SCHEMAS, INTROSPECTION_SETTINGS, makePreset } from "../../preset.ts";

/** A statement that read tables on behalf of a request. */
export interface Statement {
  text: string;
  values: unknown[];
}

export interface ApiRequest {
  /** What it asks for, such as `appointments(orderBy: [STARTS_AT_ASC])`. */
  title: string;
  query: string;
  variables?: Record<string, unknown>;
}

export interface ApiAnswer {
  data: Record<string, unknown>;
  statements: Statement[];
}

/** The API of a database in this process, which keeps what it asked the database. One request at a time. */
export interface OpenApi {
  schema: GraphQLSchema;
  /** @throws with the request's title where the API answers with an error. */
  ask(settings: PgSettings, request: ApiRequest): Promise<ApiAnswer>;
  close(): Promise<void>;
}

const READS_TABLES = /\bfrom "app_/;

/** @param gatewayUrl connection of the gateway's login role. */
export async function openApi(gatewayUrl: string): Promise<OpenApi> {
  const statements: Statement[] = [];
  const pool = new pg.Pool({ connectionString: gatewayUrl, max: 2, Client: recordingClient(statements) });
  pool.on("error", () => undefined);
  let current: PgSettings = {};
  const pgService = makePgService({
    pool,
    schemas: EXPOSED_SCHEMAS,
    pgSettingsForIntrospection: INTROSPECTION_SETTINGS,
    pubsub: false,
  });
  const preset = makePreset(
    { isExplorerServed: false },
    {
      pgService,
      settingsOf: () => current,
      maskError: (error) => error,
      signToken: () => {
        throw new Error("Nobody signs in here.");
      },
      credentials: null,
      ...withoutLimits(),
    },
  );
  const { schema, resolvedPreset } = await makeSchema(preset).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  return {
    schema,
    async ask(settings, { title, query, variables }) {
      current = settings;
      statements.length = 0;
      const answer = await grafast({
        schema,
        source: query,
        variableValues: variables,
        resolvedPreset,
        requestContext: {},
      });
      const { data, errors } = answer as ExecutionResult;
      if (errors || !data) {
        throw new Error(`${title}: ${errors?.map(({ message }) => message).join(", ") ?? "no data"}`);
      }
      return { data, statements: [...statements] };
    },
    close: () => pool.end(),
  };
}

/** A client that remembers each statement on tables, with its values. */
function recordingClient(statements: Statement[]): typeof pg.Client {
  return class RecordingClient extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      const query = this.query.bind(this) as (...args: unknown[]) => unknown;
      const record = (...args: unknown[]) => {
        const [config] = args;
        if (typeof config === "object" && config !== null && "text" in config) {
          const { text, values = [] } = config as Statement;
          if (READS_TABLES.test(text)) {
            statements.push({ text, values });
          }
        }
        return query(...args);
      };
      this.query = record as typeof this.query;
    }
  };
}
