import "graphile-build-pg";

import { access, context, type FieldArgs, object, type Step } from "grafast";
import { extendSchema, gql } from "graphile-utils";
import { type PgResource, sideEffectWithPgClientTransaction } from "postgraphile/@dataplan/pg";

import { AppError } from "../src/errors/AppError.ts";
import type { CredentialBox } from "../src/integrations/credentials.ts";
import { makeWebhookSecret } from "../src/outbound/signWebhook.ts";
import { bound } from "./bound.ts";
import { planQuery } from "./planQuery.ts";

const TYPE_DEFINITIONS = gql`
  """
  What rotateWebhookSecret takes.
  """
  input RotateWebhookSecretInput {
    """
    Comes back in the payload.
    """
    clientMutationId: String
    """
    The uuid (rowId) of the webhook endpoint.
    """
    endpointId: UUID!
  }

  """
  What rotateWebhookSecret answers.
  """
  type RotateWebhookSecretPayload {
    """
    What the input said.
    """
    clientMutationId: String
    """
    What deliveries are signed with from now on, as a library of Standard Webhooks takes it. It is shown this once; the
    one before it signs for another day.
    """
    secret: String
    """
    The endpoint, with the time of its secret.
    """
    webhookEndpoint: WebhookEndpoint
    """
    The root of all queries.
    """
    query: Query
  }

  extend type Mutation {
    """
    Makes a new secret for a webhook endpoint. For administrators of the organization.
    """
    rotateWebhookSecret(input: RotateWebhookSecretInput!): RotateWebhookSecretPayload
  }
`;

/** What the statement of a rotation is made of. */
interface Rotation {
  input: { endpointId: string };
  boxes: Grafast.Context["credentials"];
}

export function planRotation(endpoints: PgResource, _$root: Step, fieldArgs: FieldArgs) {
  const $input = fieldArgs.getRaw("input") as Step<Rotation["input"]>;
  const $rotated = sideEffectWithPgClientTransaction(
    endpoints.executor,
    object({ input: $input, boxes: context().get("credentials") }),
    async (client, { input: { endpointId }, boxes }: Rotation) => {
      const { secret, values } = sealNewSecret(boxes?.webhook_secrets, endpointId);
      await client.query({
        text: "select app_hidden.store_webhook_secret($1::uuid, $2, $3::bytea, $4::bytea)",
        values,
      });
      return { endpointId, secret };
    },
  );
  return object({
    endpointId: access($rotated, "endpointId"),
    secret: access($rotated, "secret"),
    clientMutationId: access($input, "clientMutationId"),
  });
}

export function planEndpoint(endpoints: PgResource, $payload: Step) {
  return endpoints.get({ id: access($payload, "endpointId") });
}

/** `rotateWebhookSecret`: makes a secret and seals it before any SQL sees it. */
export const RotateWebhookSecretPlugin: GraphileConfig.Plugin = extendSchema((build) => {
  const { webhook_endpoints: endpoints } = build.pgResources;
  if (!endpoints) {
    return { typeDefs: [] };
  }
  return {
    typeDefs: TYPE_DEFINITIONS,
    objects: {
      Mutation: { plans: { rotateWebhookSecret: bound(planRotation, endpoints) } },
      RotateWebhookSecretPayload: {
        plans: { webhookEndpoint: bound(planEndpoint, endpoints), query: planQuery },
      },
    },
  };
}, "RotateWebhookSecretPlugin");

function sealNewSecret(box: CredentialBox | undefined, endpointId: string) {
  if (!box) {
    throw new AppError("UNAVAILABLE", "This installation has no key for the secrets of webhooks.");
  }
  const secret = makeWebhookSecret();
  const { keyId, nonce, ciphertext } = box.seal(endpointId, secret);
  return { secret, values: [endpointId, keyId, nonce, ciphertext] };
}
