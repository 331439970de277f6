import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, jest } from "@jest/globals";

import { useBothGateways } from "./bothGateways.ts";

jest.setTimeout(300_000);

const FOLDER = join(import.meta.dirname, "../../src/access/plans/documents");
/** Each look at the audit is in it, so that two looks differ. */
const CHANGED = new Set(["auditPage", "ownActivity"]);
const screens = readdirSync(FOLDER)
  .map((file) => ({ name: file.replace(".graphql", ""), query: readFileSync(join(FOLDER, file), "utf8") }))
  .filter(({ name }) => !CHANGED.has(name));

const both = useBothGateways();

describe("what a screen asks for", () => {
  it.each(screens)("is the same compiled as planned, whoever asks: $name", async ({ query }) => {
    const { here, own } = both.world;
    for (const person of both.people.slice(0, -1)) {
      const variables = {
        clinicId: here.clinic.id,
        organizationId: own,
        patientId: here.patient.id,
        userId: here.provider.userId,
        careSessionId: here.careSessionId,
        dayStart: "2020-01-01T00:00:00Z",
        dayEnd: "2099-01-01T00:00:00Z",
        weekEnd: "2099-01-01T00:00:00Z",
        monthStart: "2020-01-01",
        monthEnd: "2099-01-01",
        text: "F",
      };
      const compared = await both.compare(person, { query, variables });
      expect({ person: person.name, ...compared }).toEqual({
        person: person.name,
        difference: null,
        outcome: { compiled: 1 },
      });
    }
  });
});
