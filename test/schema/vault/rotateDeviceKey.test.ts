import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import {
  prepareRegistration,
  registerDevice,
  type RegisteredDevice,
  setVerified,
  wrapFor,
} from "../../../src/access/world/vaultRows.ts";
import { type DataKey, unwrapDataKey, wrapDataKey } from "../../../src/vault-client/index.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let owner: Person;

beforeAll(async () => {
  owner = await createPerson(db.superuser);
});

const ROTATE = `select id from app_vault.rotate_device_key($1, $2, $3, $4, $5, $6, array(
  select row((w->>0)::uuid, decode(w->>1, 'hex'), decode(w->>2, 'hex'), decode(w->>3, 'hex'))::app_vault.key_wrap
  from json_array_elements($7::json) as w))`;

/** Prepares a rotation of `old` with wraps of these keys, and makes the call. */
async function rotate(request: Request, old: RegisteredDevice, keys: DataKey[]) {
  const { device, challenge, proof, approval, verified } = await prepareRegistration(request, owner, old);
  await setVerified(request, verified);
  const wraps = await Promise.all(keys.map((key) => wrapDataKey(key, owner.userId, device)));
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  await request.attempt(ROTATE, [
    old.id,
    Buffer.from(device.signingKey),
    Buffer.from(device.agreementKey),
    challenge,
    proof,
    approval,
    JSON.stringify(
      wraps.map((wrap) => [wrap.keyId, hex(wrap.ephemeralKey), hex(wrap.nonce), hex(wrap.ciphertext)]),
    ),
  ]);
  return { device };
}

describe("rotate_device_key", () => {
  it("retires the old key and gives the new one every data key, in one step", () =>
    db.asUser(owner, async (request) => {
      const old = await registerDevice(request, owner);
      const keys = [await wrapFor(request, owner, old), await wrapFor(request, owner, old)];
      const { device } = await rotate(request, old, keys);
      expect(await request.rows("select state from app_vault.device_keys order by created_at, id")).toEqual([
        { state: "retired" },
        { state: "active" },
      ]);
      const wraps = await request.rows<Awaited<ReturnType<typeof wrapDataKey>>>(
        `select key_id as "keyId", ephemeral_key as "ephemeralKey", nonce, ciphertext from app_vault.wrapped_keys`,
      );
      const opened = await Promise.all(wraps.map((wrap) => unwrapDataKey(wrap, owner.userId, device)));
      expect(opened.map(({ id }) => id).sort()).toEqual(keys.map(({ id }) => id).sort());
    }));

  it("is refused, with nothing changed, when a data key is missing", () =>
    db.asUser(owner, async (request) => {
      const old = await registerDevice(request, owner);
      const key = await wrapFor(request, owner, old);
      await wrapFor(request, owner, old);
      await expect(rotate(request, old, [key])).rejects.toMatchObject({
        code: "BADIN",
        message: "Wrap every data key for the new device: 1 missing.",
      });
      expect(await request.rows("select state from app_vault.device_keys")).toEqual([{ state: "active" }]);
      expect(await request.rows("select id from app_vault.wrapped_keys")).toHaveLength(2);
    }));

  it("is refused for a key that was rotated before", () =>
    db.asUser(owner, async (request) => {
      const old = await registerDevice(request, owner);
      await rotate(request, old, []);
      await expect(rotate(request, old, [])).rejects.toMatchObject({ code: "NTFND" });
    }));
});
