import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "@jest/globals";
import { Kind, type OperationDefinitionNode, parse } from "graphql";

import { createNotification } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { type News, useSubscriber } from "./subscriber.ts";

const db = useTestDatabase();
const api = useGateway(db);
const subscriber = useSubscriber(db, api);
const page = await readFile(join(import.meta.dirname, "../../docs/api.md"), "utf8");
let world: World;
let values: Record<string, unknown>;

interface Example {
  name: string;
  kind: OperationDefinitionNode["operation"];
  text: string;
  /** The code of the error that the page says it gives. */
  code: string | undefined;
  variables: string[];
}

const examples = Array.from(
  page.matchAll(/^```graphql ?(\w*)\n(.*?)^```/gms),
  ([, code, text = ""]): Example => {
    const [operation] = parse(text).definitions;
    if (operation?.kind !== Kind.OPERATION_DEFINITION) {
      throw new Error(`docs/api.md has an example that is no operation: ${text}`);
    }
    return {
      name: operation.name?.value ?? "",
      kind: operation.operation,
      text,
      code: code || undefined,
      variables: operation.variableDefinitions?.map(({ variable }) => variable.name.value) ?? [],
    };
  },
);

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const { clinic, patient, provider } = world.here;
  values = {
    clinicId: clinic.id,
    patientId: patient.id,
    providerId: provider.userId,
    patientGlobalId: Buffer.from(JSON.stringify(["Patient", patient.id])).toString("base64"),
    from: "2030-01-01T00:00:00Z",
    after: null,
    randomId: randomUUID(),
  };
});

const variablesOf = ({ variables }: Example) =>
  Object.fromEntries(variables.map((name) => [name, values[name]]));

describe("an example of docs/api.md", () => {
  const requests = examples.filter(({ kind }) => kind !== "subscription");
  it.each(requests)("$name runs as it stands", async (example) => {
    const { clinicAdmin, clinic } = world.here;
    const { data, errors } = await api.query(clinicAdmin, example.text, {
      variables: variablesOf(example),
      headers: { "X-Organization-Id": clinic.organizationId, "X-Clinic-Id": clinic.id },
    });
    expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(example.code && [example.code]);
    if (!example.code) {
      expect(Object.values(data as object)).not.toContain(null);
    }
  });

  it.each(examples.filter(({ kind }) => kind === "subscription"))("$name brings news", async (example) => {
    const { clinicAdmin, appointment, clinic } = world.here;
    const news = subscriber.as(clinicAdmin, example.text, variablesOf(example));
    const first = news.next();
    const own = example.text.includes("notificationReceived");
    await subscriber.untilListening(
      own ? `notifications:${clinicAdmin.userId}` : `appointments:${clinic.id}`,
    );
    await createNotification(db.superuser, clinicAdmin, clinic.organizationId);
    await db.superuser.query("update app_public.appointments set kind = 'news' where id = $1", [
      appointment.id,
    ]);
    const { data, errors } = (await first).value as News;
    expect(errors).toBeUndefined();
    expect(Object.values(data ?? {})).not.toContain(null);
  });
});
