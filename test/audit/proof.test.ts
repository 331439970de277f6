import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "@jest/globals";
import type pg from "pg";

import {
  type Clinic,
  createClinic,
  createOrganization,
  createPatient,
} from "../../src/access/world/people.ts";
import { type EventProof, proveEvent } from "../../src/audit/proveEvent.ts";
import { readPublicKeys } from "../../src/audit/signingKeys.ts";
import { withClient } from "../../src/database/withClient.ts";
import { useTestDatabase } from "../support/database.ts";
import { useEvidence } from "./evidence.ts";

const VERIFY_PROOF = join(import.meta.dirname, "../../scripts/verifyProof.mjs");
const db = useTestDatabase();
const evidence = useEvidence(db);
let clinic: Clinic;

beforeAll(async () => {
  clinic = await createClinic(db.superuser, await createOrganization(db.superuser, "Acme"));
});

const asSealer = <T>(work: (client: pg.ClientBase) => Promise<T>) => withClient(db.urls.sealer, work);

describe("a proof", () => {
  let proof: EventProof;

  const file = join(evidence.keyFolder, "proof.json");
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [VERIFY_PROOF, ...args], {
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  };
  const check = (given: unknown, ...keys: string[]) => {
    writeFileSync(file, typeof given === "string" ? given : JSON.stringify(given));
    try {
      return run(file, ...keys);
    } finally {
      rmSync(file);
    }
  };

  beforeAll(async () => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) {
      ids.push((await createPatient(db.superuser, clinic)).id);
    }
    await evidence.sealEverything();
    const { rows } = await db.superuser.query<{ id: string }>(
      "select id from app_audit.events where row_id = $1",
      [ids[2]],
    );
    proof = await asSealer((client) =>
      proveEvent(client, rows[0]?.id ?? "", readPublicKeys(evidence.keyFolder)),
    );
  });

  it("convinces somebody who has nothing else", () => {
    expect(proof.eventPath.length).toBeGreaterThan(1);
    const key = proof.keys[0]?.keyId ?? "";
    const { status, stdout } = check(proof, key);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^PROVEN: sealed in checkpoint \\d+ at .*, first key ${key}\\.\n\\["event/2", `),
    );
  });

  it("says that nobody vouched for the first key where none is named", () => {
    const { status, stdout } = check(proof);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^PROVEN: .* which was NOT CHECKED: /)]);
  });

  it("convinces nobody when a word of it was changed", () => {
    const sentence = (given: unknown, ...keys: string[]) => {
      const { status, stdout } = check(given, ...keys);
      expect(status).toBe(1);
      return stdout;
    };
    expect(sentence({ ...proof, event: proof.event.replace("INSERT", "DELETE") })).toMatch(
      /^NOT PROVEN: the event/,
    );
    expect(sentence({ ...proof, seal: { ...proof.seal, eventCount: "99" } })).toMatch(
      /^NOT PROVEN: the seal/,
    );
    expect(sentence({ ...proof, checkpoint: { ...proof.checkpoint, sealedAt: "0" } })).toMatch(
      /^NOT PROVEN: the checkpoint/,
    );
    expect(sentence(proof, "0000000000000000")).toMatch(/^NOT PROVEN: nobody vouches/);
  });

  it.each<[string, () => unknown, string]>([
    ["an empty file", () => "", "it is empty."],
    ["a half of a proof", () => JSON.stringify(proof).slice(0, -9), "it is no JSON."],
    ["something else", () => ({}), "it is no proof of 'audit prove'."],
    ["a proof without its keys", () => ({ ...proof, keys: undefined }), "it is no whole proof ("],
    ["a proof without its seal", () => ({ ...proof, seal: null }), "it is no whole proof ("],
  ])("is neither there nor refuted in %s: exit status 2, and one sentence", (_title, given, sentence) => {
    const { status, stdout, stderr } = check(given());
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^.*\n$/);
    expect(stderr).toContain(`'${file}' cannot be checked: ${sentence}`);
  });

  it("cannot be checked where there is none", () => {
    expect(run("/nonexistent")).toEqual({
      status: 2,
      stdout: "",
      stderr: "'/nonexistent' cannot be checked: there is no such file.\n",
    });
  });

  it("cannot be made of an event that is not sealed, or that does not exist", async () => {
    const patient = await createPatient(db.superuser, clinic);
    const { rows } = await db.superuser.query<{ id: string }>(
      "select id from app_audit.events where row_id = $1",
      [patient.id],
    );
    const prove = (id: string) => asSealer((client) => proveEvent(client, id, []));
    await expect(prove(rows[0]?.id ?? "")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(prove(patient.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
