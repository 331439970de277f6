import "graphile-build-pg";

import { access, context, type FieldArgs, list, object, sideEffect, type Step } from "grafast";
import { extendSchema, gql } from "graphile-utils";
import type { PgResource } from "postgraphile/@dataplan/pg";

import { verifiedSignatures } from "../src/auth/verifiedSignatures.ts";
import { AppError } from "../src/errors/AppError.ts";
import { deviceKeyMessage } from "../src/vault-client/index.ts";
import { bound } from "./bound.ts";

/** Read by `app_hidden.is_signed`. No header and no claim is ever forwarded under this name. */
const VERIFIED_SETTING = "app.verified_signatures";

interface KeyInput {
  signingKey: Buffer<ArrayBuffer>;
  agreementKey: Buffer<ArrayBuffer>;
  challenge: Buffer<ArrayBuffer>;
  proof: Buffer<ArrayBuffer>;
  approval?: Buffer<ArrayBuffer> | null;
}

interface RegisterInput extends KeyInput {
  approvedById?: string | null;
}

interface RotateInput extends KeyInput {
  deviceKeyId: string;
  wraps: { keyId: string; ephemeralKey: Buffer; nonce: Buffer; ciphertext: Buffer }[];
}

/** A call of a function in SQL that yields the id of a device key. */
interface Call {
  text: string;
  values: unknown[];
}

/** What one request may do, as PostGraphile's context has it. */
interface Access {
  withPgClient: Grafast.Context["withPgClient"];
  pgSettings: Record<string, string | undefined> | null;
}

/** Verifies proof and approval, and makes the call with the result in its settings; one transaction of its own. */
async function callWithProof(
  { withPgClient, pgSettings }: Access,
  input: KeyInput,
  approvedById: string | null,
  call: Call,
): Promise<string> {
  const userId = pgSettings?.["jwt.claims.sub"];
  if (!userId) {
    throw new AppError("UNAUTHENTICATED");
  }
  const message = deviceKeyMessage(input.challenge, userId, input, approvedById);
  const signatures = [{ signingKey: input.signingKey, signature: input.proof }];
  if (approvedById !== null && input.approval) {
    const approver = await withPgClient(pgSettings as Record<string, string>, (client) =>
      client.query<{ signing_key: string }>({
        text: "select encode(signing_key, 'hex') as signing_key from app_vault.device_keys where id = $1::uuid",
        values: [approvedById],
      }),
    );
    const signingKey = Buffer.from(approver.rows[0]?.signing_key ?? "", "hex");
    signatures.push({ signingKey, signature: input.approval });
  }
  const settings = { ...pgSettings, [VERIFIED_SETTING]: verifiedSignatures(message, signatures) };
  const { rows } = await withPgClient(settings as Record<string, string>, (client) =>
    client.query<{ id: string }>(call),
  );
  if (!rows[0]) {
    throw new Error("A function of the vault must return the device key it made; it returned no row.");
  }
  return rows[0].id;
}

export function registerDeviceKey(request: Access, input: RegisterInput): Promise<string> {
  const approvedById = input.approvedById ?? null;
  return callWithProof(request, input, approvedById, {
    text: "select id::text from app_vault.register_device_key($1, $2, $3, $4, $5::uuid, $6)",
    values: [
      input.signingKey,
      input.agreementKey,
      input.challenge,
      input.proof,
      approvedById,
      input.approval ?? null,
    ],
  });
}

export function rotateDeviceKey(request: Access, input: RotateInput): Promise<string> {
  const wraps = input.wraps.map(({ keyId, ephemeralKey, nonce, ciphertext }) => [
    keyId,
    ...[ephemeralKey, nonce, ciphertext].map((bytes) => bytes.toString("hex")),
  ]);
  return callWithProof(request, input, input.deviceKeyId, {
    text: `select id::text from app_vault.rotate_device_key($1::uuid, $2, $3, $4, $5, $6, array(
        select row((w->>0)::uuid, decode(w->>1, 'hex'), decode(w->>2, 'hex'), decode(w->>3, 'hex'))::app_vault.key_wrap
        from json_array_elements($7::json) as w
      ))`,
    values: [
      input.deviceKeyId,
      input.signingKey,
      input.agreementKey,
      input.challenge,
      input.proof,
      input.approval,
      JSON.stringify(wraps),
    ],
  });
}

/** Plans a mutation whose payload is the device key that `work` has made. */
export function planKeyMutation<Input>(
  work: (request: Access, input: Input) => Promise<string>,
  _$root: Step,
  fieldArgs: FieldArgs,
) {
  const $context = context();
  const $inputs = list([
    $context.get("withPgClient"),
    $context.get("pgSettings"),
    fieldArgs.getRaw("input") as Step<Input>,
  ]);
  const $id = sideEffect($inputs, ([withPgClient, pgSettings, input]) =>
    work({ withPgClient, pgSettings } as Access, input as Input),
  );
  return object({ id: $id, clientMutationId: fieldArgs.getRaw(["input", "clientMutationId"]) });
}

export function planKeyMutationId($payload: Step) {
  return access($payload, "clientMutationId");
}

export function planDeviceKey(deviceKeys: PgResource, $payload: Step) {
  return deviceKeys.get({ id: access($payload, "id") });
}

const TYPE_DEFINITIONS = gql`
  """
  A new device, with the proof that it holds its keys.
  """
  input RegisterDeviceKeyInput {
    clientMutationId: String
    """
    Ed25519 public key of the new device, 32 bytes.
    """
    signingKey: Base64EncodedBinary!
    """
    X25519 public key of the new device, 32 bytes.
    """
    agreementKey: Base64EncodedBinary!
    """
    What \`requestDeviceKeyChallenge\` gave.
    """
    challenge: Base64EncodedBinary!
    """
    The new device's signature of the message that the vault client's \`deviceKeyMessage\` builds.
    """
    proof: Base64EncodedBinary!
    """
    The active device that approves the new one; none for the first device.
    """
    approvedById: UUID
    """
    That device's signature of the same message.
    """
    approval: Base64EncodedBinary
  }

  """
  A data key, encrypted to the new device.
  """
  input DeviceKeyWrapInput {
    """
    The data key.
    """
    keyId: UUID!
    """
    X25519 public key, made for this wrap alone.
    """
    ephemeralKey: Base64EncodedBinary!
    """
    12 bytes.
    """
    nonce: Base64EncodedBinary!
    """
    The encrypted data key, 48 bytes.
    """
    ciphertext: Base64EncodedBinary!
  }

  """
  New keys for a device, approved by its old ones.
  """
  input RotateDeviceKeyInput {
    clientMutationId: String
    """
    Ed25519 public key of the new device, 32 bytes.
    """
    signingKey: Base64EncodedBinary!
    """
    X25519 public key of the new device, 32 bytes.
    """
    agreementKey: Base64EncodedBinary!
    """
    What \`requestDeviceKeyChallenge\` gave.
    """
    challenge: Base64EncodedBinary!
    """
    The new device's signature of the message that the vault client's \`deviceKeyMessage\` builds.
    """
    proof: Base64EncodedBinary!
    """
    The key that is replaced, which also approves the new one.
    """
    deviceKeyId: UUID!
    """
    The old key's signature of the same message.
    """
    approval: Base64EncodedBinary!
    """
    Every data key of yours, for the new device.
    """
    wraps: [DeviceKeyWrapInput!]!
  }

  """
  A device key that was registered.
  """
  type RegisterDeviceKeyPayload {
    clientMutationId: String
    """
    The new device key.
    """
    deviceKey: DeviceKey
  }

  """
  A device key that was registered.
  """
  type RotateDeviceKeyPayload {
    clientMutationId: String
    """
    The new device key.
    """
    deviceKey: DeviceKey
  }

  extend type Mutation {
    """
    Adds a device. It proves that it holds its keys, and one of your active devices approves it.
    """
    registerDeviceKey(input: RegisterDeviceKeyInput!): RegisterDeviceKeyPayload
    """
    Replaces a device's keys: the new ones come, are given every data key, and the old ones retire, all or nothing.
    """
    rotateDeviceKey(input: RotateDeviceKeyInput!): RotateDeviceKeyPayload
  }
`;

/**
 * `registerDeviceKey` and `rotateDeviceKey`: Postgres has no Ed25519, so the gateway verifies the signatures and tells the
 * functions of the same names which ones hold. Whether that is enough is decided in SQL.
 */
export const DeviceKeyProofPlugin: GraphileConfig.Plugin = extendSchema((build) => {
  const { device_keys: deviceKeys } = build.pgResources;
  if (!deviceKeys) {
    return { typeDefs: [] };
  }
  const payload = {
    plans: { clientMutationId: planKeyMutationId, deviceKey: bound(planDeviceKey, deviceKeys) },
  };
  return {
    typeDefs: TYPE_DEFINITIONS,
    objects: {
      Mutation: {
        plans: {
          registerDeviceKey: bound(planKeyMutation<RegisterInput>, registerDeviceKey),
          rotateDeviceKey: bound(planKeyMutation<RotateInput>, rotateDeviceKey),
        },
      },
      RegisterDeviceKeyPayload: payload,
      RotateDeviceKeyPayload: payload,
    },
  };
}, "DeviceKeyProofPlugin");
