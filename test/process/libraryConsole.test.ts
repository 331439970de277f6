import { beforeAll, expect, it, jest } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { ServeProcess } from "../support/ServeProcess.ts";
import { eventually } from "./bailiwickProcess.ts";

jest.setTimeout(300_000);

const CANARY = "Canary8f1dNeedle";
const db = useTestDatabase();
let server: ServeProcess;
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  // In development, Grafast's libraries say on the console what they think of a request.
  server = new ServeProcess(db.config, db.urls.gateway, { GRAPHILE_ENV: "development", DRAIN_DELAY: "0" });
  db.beforeDrop(async () => void (await server.stop()));
});

const libraries = () => server.lines.filter(({ msg }) => msg === "A library wrote to the console");

it("a gateway's output is log lines only, without what clients sent, also where libraries have something to say", async () => {
  const { url } = await server.addresses();
  const ask = async (query: string, requestId: string) => {
    const answer = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${signToken(db.config.auth, world.here.provider)}`,
        "x-request-id": requestId,
      },
      body: JSON.stringify({ query }),
    });
    return answer.json() as Promise<{ data: unknown; errors?: unknown[] }>;
  };
  const cursor = btoa(JSON.stringify([CANARY, "x"]));
  expect(await ask(`{ node(id: "${CANARY}") { id } }`, "garbage-id")).toEqual({ data: { node: null } });
  expect(
    (await ask(`{ patients(after: "${cursor}") { nodes { mrn } } }`, "garbage-cursor")).errors,
  ).toHaveLength(1);
  await eventually(() => libraries().length >= 2);

  const said = ["garbage-id", "garbage-cursor"].map((id) =>
    libraries().find((line) => line.requestId === id),
  );
  expect(said).toEqual([
    expect.objectContaining({
      level: 40,
      library: "graphile-build",
      function: "LambdaStep.findTypeNameMatch",
    }),
    expect.objectContaining({ level: 40, library: "@dataplan/pg" }),
  ]);
  expect(server.noise).toBe("");
  expect(server.output).not.toContain(CANARY);
});
