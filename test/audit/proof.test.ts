import { execFileSync } from "node:child_process";
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

  const check = (given: unknown, ...keys: string[]) => {
    const file = join(evidence.keyFolder, "proof.json");
    writeFileSync(file, JSON.stringify(given));
    try {
      return execFileSync(process.execPath, [VERIFY_PROOF, file, ...keys], { encoding: "utf8" });
    } catch (error) {
      return (error as { stdout: string }).stdout;
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
    expect(check(proof)).toMatch(/^PROVEN: sealed in checkpoint \d+ .*\n\["event\/2", /);
    expect(check(proof, proof.keys[0]?.keyId ?? "")).toMatch(/^PROVEN/);
  });

  it("convinces nobody when a word of it was changed", () => {
    expect(check({ ...proof, event: proof.event.replace("INSERT", "DELETE") })).toMatch(
      /^NOT PROVEN: the event/,
    );
    expect(check({ ...proof, seal: { ...proof.seal, eventCount: "99" } })).toMatch(/^NOT PROVEN: the seal/);
    expect(check({ ...proof, checkpoint: { ...proof.checkpoint, sealedAt: "0" } })).toMatch(
      /^NOT PROVEN: the checkpoint/,
    );
    expect(check(proof, "0000000000000000")).toMatch(/^NOT PROVEN: nobody vouches/);
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
