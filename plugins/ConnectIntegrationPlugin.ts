import "graphile-build-pg";

import { access, context, type FieldArgs, object, type Step } from "grafast";
import { extendSchema, gql } from "graphile-utils";
import { type PgResource, sideEffectWithPgClientTransaction } from "postgraphile/@dataplan/pg";

import { AppError } from "../src/errors/AppError.ts";
import {
  type CredentialBox,
  type CredentialBoxes,
  MAXIMUM_SECRET_BYTES,
} from "../src/integrations/credentials.ts";
import { bound } from "./bound.ts";
import { planQuery } from "./planQuery.ts";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Grafast learns of the context's members
  namespace Grafast {
    interface Context {
      /** What seals the secrets of integrations; null where no INTEGRATION_KEY is set. */
      credentials?: CredentialBoxes | null;
    }
  }
}

interface Connection {
  integrationId: string;
  secret: string;
}

const TYPE_DEFINITIONS = gql`
  """
  What connectIntegration takes.
  """
  input ConnectIntegrationInput {
    """
    Comes back in the payload.
    """
    clientMutationId: String
    """
    The uuid (rowId) of the integration.
    """
    integrationId: UUID!
    """
    What the service gave you: a token, or a key file's text. At most 16 kB. It is encrypted before it is stored, and
    nobody can read it back.
    """
    secret: String!
  }

  """
  What connectIntegration answers.
  """
  type ConnectIntegrationPayload {
    """
    What the input said.
    """
    clientMutationId: String
    """
    The integration, with the time of its connection.
    """
    integration: Integration
    """
    The root of all queries.
    """
    query: Query
  }

  extend type Mutation {
    """
    Stores the secret with which an integration signs in at its service, in place of the one it had. For those who run
    the clinic; needs the feature \`integrations\`.
    """
    connectIntegration(input: ConnectIntegrationInput!): ConnectIntegrationPayload
  }
`;

/** The parameters of the statement: what leaves this process, and what a log of statements would hold, is sealed. */
function sealedParameters(box: CredentialBox | undefined, { integrationId, secret }: Connection): unknown[] {
  if (!box) {
    throw new AppError("UNAVAILABLE", "This installation has no key for the secrets of integrations.");
  }
  const length = Buffer.byteLength(secret, "utf8");
  if (length === 0 || length > MAXIMUM_SECRET_BYTES) {
    throw new AppError(
      "BAD_USER_INPUT",
      `A secret has from 1 to ${MAXIMUM_SECRET_BYTES} bytes; this one has ${length}.`,
    );
  }
  const { keyId, nonce, ciphertext } = box.seal(integrationId, secret);
  return [integrationId, keyId, nonce, ciphertext];
}

export function planConnection(integrations: PgResource, _$root: Step, fieldArgs: FieldArgs) {
  const $input = fieldArgs.getRaw("input") as Step<Connection>;
  const $stored = sideEffectWithPgClientTransaction(
    integrations.executor,
    object({ input: $input, boxes: context().get("credentials") }),
    async (client, { input, boxes }: { input: Connection; boxes: Grafast.Context["credentials"] }) => {
      await client.query({
        text: "select app_hidden.store_credential($1::uuid, $2, $3::bytea, $4::bytea)",
        values: sealedParameters(boxes?.integration_credentials, input),
      });
      return input.integrationId;
    },
  );
  return object({ integrationId: $stored, clientMutationId: access($input, "clientMutationId") });
}

export function planIntegration(integrations: PgResource, $payload: Step) {
  return integrations.get({ id: access($payload, "integrationId") });
}

/** `connectIntegration`: seals a secret before any SQL sees it. */
export const ConnectIntegrationPlugin: GraphileConfig.Plugin = extendSchema((build) => {
  const { integrations } = build.pgResources;
  if (!integrations) {
    return { typeDefs: [] };
  }
  return {
    typeDefs: TYPE_DEFINITIONS,
    objects: {
      Mutation: { plans: { connectIntegration: bound(planConnection, integrations) } },
      ConnectIntegrationPayload: {
        plans: { integration: bound(planIntegration, integrations), query: planQuery },
      },
    },
  };
}, "ConnectIntegrationPlugin");
