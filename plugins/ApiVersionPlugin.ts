import "grafserv";

import type { DocumentNode, GraphQLSchema } from "graphql";

import { currentRequestContext } from "../src/http/requestContext.ts";
import { type Deprecation, findDeprecation } from "../src/versions/findDeprecation.ts";
import { schemaVersion } from "../src/versions/schemaVersion.ts";

/**
 * Says in headers which version of the schema answered, and whether the operation uses what is going to be removed:
 * `X-Schema-Version`, `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).
 */
export const ApiVersionPlugin: GraphileConfig.Plugin = {
  name: "ApiVersionPlugin",
  description: "Tells clients the schema's version and what they use of it that will be removed",
  version: "1.0.0",
  grafserv: {
    middleware: {
      setPreset(next, event) {
        const { getExecutionConfig } = event;
        event.getExecutionConfig = async function (request) {
          const config = await getExecutionConfig.call(this, request);
          const headers = currentRequestContext()?.headers;
          if (headers) {
            headers["x-schema-version"] = schemaVersion(config.schema);
          }
          return {
            ...config,
            execute(args) {
              if (headers) {
                Object.assign(headers, headersOf(deprecationOf(args.schema, args.document)));
              }
              return config.execute(args);
            },
          };
        };
        return next();
      },
    },
  },
};

const deprecations = new WeakMap<DocumentNode, Deprecation | null>();

/** Documents are parsed anew for every schema, so one answer for each is enough. */
function deprecationOf(schema: GraphQLSchema, document: DocumentNode): Deprecation | null {
  let deprecation = deprecations.get(document);
  if (deprecation === undefined) {
    deprecation = findDeprecation(schema, document);
    deprecations.set(document, deprecation);
  }
  return deprecation;
}

function headersOf(deprecation: Deprecation | null): Record<string, string> {
  return deprecation
    ? {
        deprecation: `@${deprecation.since.getTime() / 1000}`,
        sunset: deprecation.until.toUTCString(),
      }
    : {};
}
