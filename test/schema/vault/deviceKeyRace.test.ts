import { beforeEach, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import {
  committed,
  registerDevice,
  type RegisteredDevice,
  wrapFor,
} from "../../../src/access/world/vaultRows.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let owner: Person;
let device: RegisteredDevice;

beforeEach(async () => {
  owner = await createPerson(db.superuser);
  device = await committed(db, owner, (request) => registerDevice(request, owner));
});

const REVOKE = "select (app_vault.revoke_device_key($1)).state";

/** Whether a call of another transaction had to wait for a lock before it came to an end. */
async function waits(call: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  const over = () => void (isOver = true);
  call.then(over, over);
  while (!isOver) {
    const { rows } = await db.superuser.query(
      "select from pg_catalog.pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    if (rows.length > 0) {
      return true;
    }
  }
  return false;
}

/** What one transaction does while another, which commits afterwards, has done the first. */
async function during<T>(
  first: (request: Request) => Promise<unknown>,
  second: (request: Request) => Promise<T>,
): Promise<{ outcome: PromiseSettledResult<T>; hadToWait: boolean }> {
  const { call, hadToWait } = await committed(db, owner, async (request) => {
    await first(request);
    const call = committed(db, owner, second);
    return { call, hadToWait: await waits(call) };
  });
  const [outcome] = await Promise.allSettled([call]);
  return { outcome, hadToWait };
}

const wrappedKeys = async () =>
  (await db.superuser.query("select from app_vault.wrapped_keys where device_key_id = $1", [device.id]))
    .rowCount;

describe("a key that is wrapped for a device", () => {
  const wrap = (request: Request) => wrapFor(request, owner, device);
  const revoke = (request: Request) => request.value(REVOKE, [device.id]);

  it("while that is being revoked is refused", async () => {
    const { outcome, hadToWait } = await during(revoke, wrap);
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "CNFLT" } });
    expect(hadToWait).toBe(true);
    expect(await wrappedKeys()).toBe(0);
  });

  it("just before it is revoked is removed with the others", async () => {
    const { outcome, hadToWait } = await during(wrap, revoke);
    expect(outcome).toEqual({ status: "fulfilled", value: "revoked" });
    expect(hadToWait).toBe(true);
    expect(await wrappedKeys()).toBe(0);
  });

  it("while another one is stays, and nobody waits", async () => {
    const { outcome, hadToWait } = await during(wrap, wrap);
    expect(outcome.status).toBe("fulfilled");
    expect(hadToWait).toBe(false);
    expect(await wrappedKeys()).toBe(2);
  });

  it("stays where the revocation was withdrawn", async () => {
    let call: Promise<unknown> | undefined;
    await db.asUser(owner, async (request) => {
      await revoke(request);
      call = committed(db, owner, wrap);
      expect(await waits(call)).toBe(true);
    });
    await call;
    expect(await wrappedKeys()).toBe(1);
  });
});
