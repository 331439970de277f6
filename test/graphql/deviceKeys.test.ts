import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../src/access/world/people.ts";
import {
  base64FromBytes,
  bytesFromBase64,
  type DeviceKey,
  deviceKeyMessage,
  generateDataKey,
  generateDeviceKey,
  signMessage,
  wrapDataKey,
} from "../../src/vault-client/index.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let owner: Person;
let stranger: Person;

beforeAll(async () => {
  owner = await createPerson(db.superuser);
  stranger = await createPerson(db.superuser);
});

interface Device {
  id: string;
  device: DeviceKey;
}

const REGISTER = `mutation ($input: RegisterDeviceKeyInput!) {
  registerDeviceKey(input: $input) { clientMutationId deviceKey { rowId state approvedBy { rowId } } } }`;
const ROTATE = `mutation ($input: RotateDeviceKeyInput!) {
  rotateDeviceKey(input: $input) { deviceKey { rowId state } } }`;

/** The input of a registration; `asUser` is whom the message is signed for. */
async function registration(person: Person, approver?: Device, asUser = person) {
  const { data } = await api.query(
    person,
    "mutation { requestDeviceKeyChallenge(input: {}) { result { challenge } } }",
  );
  const { challenge } = data.requestDeviceKeyChallenge.result;
  const device = await generateDeviceKey();
  const message = deviceKeyMessage(bytesFromBase64(challenge), asUser.userId, device, approver?.id ?? null);
  const input = {
    signingKey: base64FromBytes(device.signingKey),
    agreementKey: base64FromBytes(device.agreementKey),
    challenge,
    proof: base64FromBytes(await signMessage(device, message)),
    ...(approver && { approval: base64FromBytes(await signMessage(approver.device, message)) }),
  };
  return { device, input };
}

const codeOf = async (answer: ReturnType<typeof api.query>) => (await answer).errors?.[0]?.extensions?.code;

describe("a device key", () => {
  it("can be registered with a proof, approved by another, and rotated with every data key", async () => {
    const first = await registration(owner);
    const one = await api.query(owner, REGISTER, {
      variables: { input: { ...first.input, clientMutationId: "m" } },
    });
    expect(one.errors).toBeUndefined();
    expect(one.data.registerDeviceKey).toMatchObject({
      clientMutationId: "m",
      deviceKey: { state: "ACTIVE", approvedBy: null },
    });
    const approver = { id: one.data.registerDeviceKey.deviceKey.rowId, device: first.device };
    expect(await codeOf(api.query(owner, REGISTER, { variables: { input: first.input } }))).toBe("EXPIRED");

    const unapproved = await registration(owner);
    expect(await codeOf(api.query(owner, REGISTER, { variables: { input: unapproved.input } }))).toBe(
      "FORBIDDEN",
    );

    const second = await registration(owner, approver);
    const input = { ...second.input, approvedById: approver.id };
    const two = await api.query(owner, REGISTER, { variables: { input } });
    expect(two.data.registerDeviceKey.deviceKey.approvedBy.rowId).toBe(approver.id);

    const rotated = await registration(owner, approver);
    const wrap = await wrapDataKey(generateDataKey(), owner.userId, rotated.device);
    const answer = await api.query(owner, ROTATE, {
      variables: {
        input: {
          ...rotated.input,
          deviceKeyId: approver.id,
          wraps: [
            {
              keyId: wrap.keyId,
              ephemeralKey: base64FromBytes(wrap.ephemeralKey),
              nonce: base64FromBytes(wrap.nonce),
              ciphertext: base64FromBytes(wrap.ciphertext),
            },
          ],
        },
      },
    });
    expect(answer.errors).toBeUndefined();
    expect(answer.data.rotateDeviceKey.deviceKey.state).toBe("ACTIVE");
    const { data } = await api.query(
      owner,
      "{ deviceKeys { nodes { rowId state } } wrappedKeys { nodes { keyId } } }",
    );
    expect(data.deviceKeys.nodes).toContainEqual({ rowId: approver.id, state: "RETIRED" });
    expect(data.wrappedKeys.nodes).toEqual([{ keyId: wrap.keyId }]);
  });

  it.each(["proof", "signingKey", "agreementKey"] as const)(
    "cannot be registered with another %s",
    async (part) => {
      const { input } = await registration(stranger);
      const other = await registration(stranger);
      const answer = api.query(stranger, REGISTER, {
        variables: { input: { ...other.input, [part]: input[part] } },
      });
      expect(await codeOf(answer)).toBe("BAD_USER_INPUT");
    },
  );

  it("cannot be registered with a proof that was signed for somebody else", async () => {
    const { input } = await registration(stranger, undefined, owner);
    expect(await codeOf(api.query(stranger, REGISTER, { variables: { input } }))).toBe("BAD_USER_INPUT");
  });

  it("cannot be registered without signing in", async () => {
    const { input } = await registration(stranger);
    expect(await codeOf(api.query(null, REGISTER, { variables: { input } }))).toBe("UNAUTHENTICATED");
  });

  it("cannot be proven by a header that names the gateway's setting", async () => {
    const { input } = await registration(stranger);
    const proof = base64FromBytes(new Uint8Array(64));
    const answer = api.query(stranger, REGISTER, {
      variables: { input: { ...input, proof } },
      headers: { "app.verified_signatures": "x", "x-app-verified-signatures": "x" },
    });
    expect(await codeOf(answer)).toBe("BAD_USER_INPUT");
  });
});
