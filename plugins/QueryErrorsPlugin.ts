import "grafserv";

import { GraphQLError } from "graphql";

import { CATALOGUE } from "../src/errors/catalogue.ts";
import { currentRequestContext } from "../src/http/requestContext.ts";

/**
 * Grafserv sends errors of parsing and validation past `maskError`. Here they get their code, and what is no GraphQL
 * error (a document nested so deep that the parser's stack overflows) loses its text.
 */
export const QueryErrorsPlugin: GraphileConfig.Plugin = {
  name: "QueryErrorsPlugin",
  description: "Gives errors of parsing and validation a code and a request id",
  version: "1.0.0",
  grafserv: {
    middleware: {
      setPreset(next, event) {
        const { getExecutionConfig } = event;
        event.getExecutionConfig = async function (request) {
          const config = await getExecutionConfig.call(this, request);
          return {
            ...config,
            parseAndValidate(query) {
              const { document, errors } = config.parseAndValidate(query);
              return errors ? { errors: errors.map(asQueryError) } : { document };
            },
          };
        };
        return next();
      },
    },
  },
};

function asQueryError(error: unknown): GraphQLError {
  const context = currentRequestContext();
  context?.errorCodes.add("BAD_QUERY");
  const requestId = context?.requestId;
  const extensions = { code: "BAD_QUERY", requestId };
  return error instanceof GraphQLError
    ? new GraphQLError(error.message, {
        source: error.source,
        positions: error.positions,
        nodes: error.nodes,
        extensions,
      })
    : new GraphQLError(CATALOGUE.BAD_QUERY.message, { extensions });
}
