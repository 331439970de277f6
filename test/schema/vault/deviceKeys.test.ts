import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import {
  callRegister,
  prepareRegistration,
  registerDevice,
  setVerified,
  wrapFor,
} from "../../../src/access/world/vaultRows.ts";
import { fingerprint, type RegisteredDeviceKey, trustedDevices } from "../../../src/vault-client/index.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let owner: Person;
let stranger: Person;

beforeAll(async () => {
  owner = await createPerson(db.superuser);
  stranger = await createPerson(db.superuser);
});

describe("register_device_key", () => {
  it("can add a first device, and another that it approves, in a chain that clients can verify", () =>
    db.asUser(owner, async (request) => {
      const first = await registerDevice(request, owner);
      const second = await registerDevice(request, owner, first);
      const keys = await request.rows<RegisteredDeviceKey & { fingerprint: string }>(
        `select id, state, signing_key as "signingKey", agreement_key as "agreementKey", challenge, proof,
           approved_by_id as "approvedById", approval, fingerprint from app_vault.device_keys`,
      );
      const known = await fingerprint(first.device);
      expect(keys.map((key) => key.fingerprint)).toContain(known);
      const trusted = await trustedDevices(owner.userId, keys, [known]);
      expect(trusted.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
      const ghost = {
        ...keys[1],
        id: randomUUID(),
        signingKey: keys[0]?.agreementKey,
      } as (typeof keys)[number];
      expect(await trustedDevices(owner.userId, [...keys, ghost], [known])).toHaveLength(2);
    }));

  it("cannot add one that the gateway has not verified", () =>
    db.asUser(owner, async (request) => {
      const registration = await prepareRegistration(request, owner);
      await expect(callRegister(request, registration)).rejects.toMatchObject({ code: "BADIN" });
    }));

  it.each<[string, (verified: string) => string]>([
    ["another message", (verified) => verified.replace(/^./, (digit) => (digit === "0" ? "1" : "0"))],
    ["another key", (verified) => `${verified.split(":")[0]}:${"ab".repeat(32)}`],
    ["no key", (verified) => `${verified.split(":")[0]}:`],
    ["nothing", () => ""],
  ])("cannot add one when the gateway has verified %s", (_title, change) =>
    db.asUser(owner, async (request) => {
      const registration = await prepareRegistration(request, owner);
      await setVerified(request, change(registration.verified));
      await expect(callRegister(request, registration)).rejects.toMatchObject({ code: "BADIN" });
    }),
  );

  it("cannot use a challenge twice, after five minutes, or of somebody else", () =>
    db.asUser(owner, async (request) => {
      const first = await registerDevice(request, owner);
      const again = await prepareRegistration(request, owner, first);
      await setVerified(request, again.verified);
      await callRegister(request, again, first.id);
      await request.client.query("savepoint used");
      await expect(callRegister(request, again, first.id)).rejects.toMatchObject({ code: "EXPRD" });
      await request.client.query("rollback to savepoint used");

      await request.become(stranger);
      const foreign = await prepareRegistration(request, stranger);
      await request.become(owner);
      await setVerified(request, foreign.verified);
      await expect(callRegister(request, foreign)).rejects.toMatchObject({ code: "EXPRD" });
    }));

  it("cannot use a challenge after its five minutes", () =>
    db.inTransaction(async (client) => {
      await client.query("insert into app_vault.device_key_challenges (user_id) values ($1)", [owner.userId]);
      const { rows } = await client.query(
        "select extract(epoch from expires_at - now())::int as seconds from app_vault.device_key_challenges where user_id = $1",
        [owner.userId],
      );
      expect(rows).toEqual([{ seconds: 300 }]);
      await client.query("update app_vault.device_key_challenges set expires_at = now() where user_id = $1", [
        owner.userId,
      ]);
      await expect(
        client.query(
          `insert into app_vault.device_keys (user_id, signing_key, agreement_key, challenge, proof)
           select user_id, sha256('a'), sha256('b'), challenge, decode(repeat('00', 64), 'hex')
           from app_vault.device_key_challenges where user_id = $1`,
          [owner.userId],
        ),
      ).rejects.toMatchObject({ code: "EXPRD" });
    }));

  it("cannot add a second device that no other approves, nor one that a stranger's device approves", async () => {
    await db.asUser(owner, async (request) => {
      await registerDevice(request, owner);
      await expect(registerDevice(request, owner)).rejects.toMatchObject({ code: "DENYD" });
    });
    await db.asUser(stranger, async (request) => {
      const foreign = await registerDevice(request, stranger);
      await request.become(owner);
      await expect(registerDevice(request, owner, foreign)).rejects.toMatchObject({ code: "DENYD" });
    });
  });

  it("cannot add one that a revoked device approves, but can start anew when none is active", () =>
    db.asUser(owner, async (request) => {
      const first = await registerDevice(request, owner);
      await request.rows("select app_vault.revoke_device_key($1)", [first.id]);
      await request.client.query("savepoint revoked");
      await expect(registerDevice(request, owner, first)).rejects.toMatchObject({ code: "DENYD" });
      await request.client.query("rollback to savepoint revoked");
      await registerDevice(request, owner);
    }));
});

describe("a public key", () => {
  it.each([
    ["of 31 bytes", "00".repeat(31)],
    ["that is zero", "00".repeat(32)],
    ["that is one", `01${"00".repeat(31)}`],
    ["of order eight (Ed25519)", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"],
    [
      "of order eight (Ed25519), with the sign bit",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ],
    ["that is p + 1", `ee${"ff".repeat(30)}7f`],
  ])("cannot be one %s", async (_title, hex) => {
    const { rows } = await db.superuser.query(
      "select app_hidden.is_sound_ed25519_key(decode($1, 'hex')) as sound",
      [hex],
    );
    expect(rows).toEqual([{ sound: false }]);
  });

  it("for agreement cannot be one of small order", async () => {
    const { rows } = await db.superuser.query(
      "select app_hidden.is_sound_x25519_key(decode($1, 'hex')) as sound",
      ["e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880"],
    );
    expect(rows).toEqual([{ sound: false }]);
  });
});

describe("a device key", () => {
  it.each([
    ["retired", "active"],
    ["revoked", "active"],
    ["revoked", "retired"],
  ])("that is %s cannot become %s", (from, to) =>
    db.asUser(owner, async (request) => {
      const { id } = await registerDevice(request, owner);
      const change =
        "update app_vault.device_keys set state = $2::text::app_vault.device_key_state where id = $1";
      expect(await request.attempt(change, [id, from])).toBe(1);
      await expect(request.attempt(change, [id, to])).rejects.toMatchObject({ code: "CNFLT" });
    }),
  );

  it("that is revoked loses every data key wrapped for it, and gets none", () =>
    db.asUser(owner, async (request) => {
      const device = await registerDevice(request, owner);
      await wrapFor(request, owner, device);
      await request.rows("select app_vault.revoke_device_key($1)", [device.id]);
      expect(await request.rows("select id from app_vault.wrapped_keys")).toEqual([]);
      await expect(wrapFor(request, owner, device)).rejects.toMatchObject({ code: "42501" });
    }));

  it("of somebody else cannot be revoked, and is as if it were not there", () =>
    db.asUser(owner, async (request) => {
      const { id } = await registerDevice(request, owner);
      await request.become(stranger);
      await expect(request.attempt("select app_vault.revoke_device_key($1)", [id])).rejects.toMatchObject({
        code: "NTFND",
      });
    }));
});
