import "postgraphile";
import "postgraphile/adaptors/pg";

import { PersistedPlugin } from "@grafserv/persisted";
import { PgAggregatesPreset } from "@graphile/pg-aggregates";
import { PgSimplifyInflectionPreset } from "@graphile/simplify-inflection";
import type { GraphQLError } from "graphql";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { PostGraphileRelayPreset } from "postgraphile/presets/relay";
import { PostGraphileConnectionFilterPreset } from "postgraphile-plugin-connection-filter";

import { makePlugins } from "../plugins/index.ts";
import type { OperationLimits } from "../plugins/OperationLimitsPlugin.ts";
import type { PgSettings } from "./auth/pgSettings.ts";
import type { TokenSubject } from "./auth/signToken.ts";
import type { TrustedDocuments } from "./documents/TrustedDocuments.ts";
import type { CredentialBoxes } from "./integrations/credentials.ts";

/** What the API is made from. */
export const EXPOSED_SCHEMAS = ["app_public", "app_vault"];
/** What a signed-in person has no privilege for is not in the API. */
export const INTROSPECTION_SETTINGS = { role: "app_user" };

export const GRAPHQL_PATH = "/graphql";
export const EXPLORER_PATH = "/";
export const EXPLORER_ASSETS_PATH = "/ruru-static/";
export const MAXIMUM_BODY_BYTES = 100_000;

/** What the explorer opens with. */
const EXPLORER_QUERY = `# Whoever asks has to say who they are, by an access
# token under "Headers" below. The mutation logIn gives
# one, and in development this command does:
#   npx bailiwick token alice@example.com
#
# { "Authorization": "Bearer ACCESS_TOKEN" }

query Who {
  viewer {
    email
    organizationMemberships {
      nodes {
        role
        organization {
          name
        }
      }
    }
  }
  myClinics {
    nodes {
      rowId
      name
      viewerCanBook
    }
  }
}
`;

export interface PresetDependencies {
  pgService: GraphileConfig.PgServiceConfiguration;
  /** Total: a request it does not know is anonymous. */
  settingsOf: (request: Partial<Grafast.RequestContext>) => PgSettings;
  maskError: (error: GraphQLError) => GraphQLError;
  signToken: (subject: TokenSubject) => string;
  /** Null where no key for the secrets of integrations is configured. */
  credentials: CredentialBoxes | null;
  limits: OperationLimits;
  documents: TrustedDocuments;
}

/** Describes the whole API; opens nothing and reads nothing. `isExplorerServed`: whether `/` shows Ruru. */
export function makePreset(
  { isExplorerServed }: { isExplorerServed: boolean },
  { pgService, settingsOf, maskError, signToken, credentials, limits, documents }: PresetDependencies,
): GraphileConfig.Preset {
  return {
    extends: [
      PostGraphileAmberPreset,
      PostGraphileRelayPreset,
      PgSimplifyInflectionPreset,
      PostGraphileConnectionFilterPreset,
      PgAggregatesPreset,
    ],
    plugins: [...makePlugins(limits), PersistedPlugin],
    disablePlugins: [
      // Inputs take uuids, see RowIdentifiersPlugin.
      "PgNodeIdAttributesPlugin",
      // `condition` does what `filter` does, less well.
      "PgConditionArgumentPlugin",
      "PgConditionCustomFieldsPlugin",
      // Sorting or filtering a table by an aggregate of another reads everything that belongs to every row.
      "PgAggregatesOrderByAggregatesPlugin",
      "PgAggregatesFilterRelationalAggregatesPlugin",
    ],
    pgServices: [pgService],
    schema: {
      // The primary way to one row is its global id: `patient(id:)`, `updatePatient(input: { id, patch })`.
      pgShortPk: false,
      connectionFilterRelations: true,
      connectionFilterComputedColumns: false,
      connectionFilterSetofFunctions: false,
    },
    // Without the types of React, which nothing here needs, every option of its looks required.
    ruru: {
      clientConfig: { defaultQuery: EXPLORER_QUERY } as NonNullable<
        GraphileConfig.Preset["ruru"]
      >["clientConfig"],
    },
    grafast: {
      explain: false,
      // Plans take from here what differs between gateways, and see nothing of it themselves: see plugins/bound.ts.
      context: (request) => ({
        ...makeContext(settingsOf, request),
        signToken,
        credentials,
        defaultPageSize: limits.page.defaultSize,
      }),
    },
    grafserv: {
      graphqlPath: GRAPHQL_PATH,
      graphiqlPath: EXPLORER_PATH,
      graphiqlStaticPath: EXPLORER_ASSETS_PATH,
      graphiql: isExplorerServed,
      graphiqlOnGraphQLGET: false,
      websockets: true,
      maxRequestLength: MAXIMUM_BODY_BYTES,
      maskError,
      // Which document a request means is decided where the request is read (TrustedDocuments); this holds for whatever
      // way there may be past it.
      hashFromPayload: ({ documentId }) => (typeof documentId === "string" ? documentId : undefined),
      persistedOperationsGetter: (id) => documents.textOf(id) ?? "",
      allowUnpersistedOperation: !documents.isExclusive,
    },
  };
}

/**
 * Grafserv would send the text of whatever is thrown here to the client. It becomes part of the context instead, and the
 * operation's error before anything runs (OperationLimitsPlugin).
 */
function makeContext(
  settingsOf: PresetDependencies["settingsOf"],
  request: Partial<Grafast.RequestContext>,
): Partial<Grafast.Context> {
  try {
    return { pgSettings: settingsOf(request) };
  } catch (error) {
    return { contextFailure: error };
  }
}
