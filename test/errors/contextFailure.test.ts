import { createServer } from "node:http";

import { describe, expect, it } from "@jest/globals";
import { grafserv } from "grafserv/node";
import { makeSchema } from "graphile-build";
import { pino } from "pino";
import { makePgService } from "postgraphile/adaptors/pg";

import { makePool } from "../../src/database/makePool.ts";
import { TrustedDocuments } from "../../src/documents/TrustedDocuments.ts";
import { makeMaskError } from "../../src/errors/maskError.ts";
import { listen } from "../../src/http/listen.ts";
import { EXPOSED_SCHEMAS, INTROSPECTION_SETTINGS, makePreset } from "../../src/preset.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
const CANARY = "canary@example.com";

describe("an error while a request's context is made", () => {
  it("is masked as every other, and nothing runs", async () => {
    const logger = pino({ level: "silent" });
    const pool = makePool(db.urls.gateway, { max: 1, applicationName: "test" }, logger);
    const pgService = makePgService({
      pool,
      schemas: EXPOSED_SCHEMAS,
      pgSettingsForIntrospection: INTROSPECTION_SETTINGS,
      pubsub: false,
    });
    const unused = () => {
      throw new Error("unused");
    };
    const preset = makePreset(
      { isExplorerServed: false },
      {
        pgService,
        settingsOf: () => {
          throw new Error(`no settings for ${CANARY}`);
        },
        maskError: makeMaskError(logger, { isSchemaShown: false }),
        signToken: unused,
        credentials: null,
        documents: new TrustedDocuments([], false),
        limits: {
          ...db.config.limits,
          isSchemaShown: false,
          isTrusted: () => false,
          charge: async () => undefined,
        },
      },
    );
    const { schema, resolvedPreset } = await makeSchema(preset);
    const server = createServer();
    const graphql = grafserv({ preset: resolvedPreset, schema });
    await graphql.addTo(server, true);
    const { url, close } = await listen(server, { host: "127.0.0.1", port: 0 });
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query: "{ myClinics { nodes { rowId } } }" }),
    });
    const text = await response.text();
    await close();
    await graphql.release();
    await pool.end();
    expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: "INTERNAL" } }] });
    expect(text).not.toContain(CANARY);
  });
});
