/**
 * Stock PostGraphile 5 as its documentation has it: its own presets, Express, its own adaptor. The same schema, policies and
 * settings as the gateway, and the plugins that the documents of the benchmark take.
 */
import "postgraphile";
import "postgraphile/adaptors/pg";

import { createServer } from "node:http";

import { PgAggregatesPreset } from "@graphile/pg-aggregates";
import { PgSimplifyInflectionPreset } from "@graphile/simplify-inflection";
import express from "express";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/express/v4";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { PostGraphileRelayPreset } from "postgraphile/presets/relay";
import { PostGraphileConnectionFilterPreset } from "postgraphile-plugin-connection-filter";

import { RowIdentifiersPlugin } from "../../plugins/RowIdentifiersPlugin.ts";
import { TenantInflectionPlugin } from "../../plugins/TenantInflectionPlugin.ts";
import { VaultInflectionPlugin } from "../../plugins/VaultInflectionPlugin.ts";
import { EXPOSED_SCHEMAS, INTROSPECTION_SETTINGS } from "../../src/preset.ts";
import { DATABASE_URL, JWT_SECRET, PORT, settingsOf } from "./identity.ts";

const preset: GraphileConfig.Preset = {
  extends: [
    PostGraphileAmberPreset,
    PostGraphileRelayPreset,
    PgSimplifyInflectionPreset,
    PostGraphileConnectionFilterPreset,
    PgAggregatesPreset,
  ],
  // Only a matter of names: rows by their uuids, references across tenants' keys, and enums as the gateway writes them.
  plugins: [RowIdentifiersPlugin, TenantInflectionPlugin, VaultInflectionPlugin],
  disablePlugins: ["PgNodeIdAttributesPlugin"],
  pgServices: [
    makePgService({
      connectionString: DATABASE_URL,
      schemas: EXPOSED_SCHEMAS,
      pgSettingsForIntrospection: INTROSPECTION_SETTINGS,
    }),
  ],
  schema: { pgShortPk: false },
  grafast: {
    explain: false,
    context: ({ node }) => ({ pgSettings: settingsOf(node?.req.headers.authorization, JWT_SECRET) }),
  },
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false },
};

const app = express();
const server = createServer(app);
const instance = postgraphile(preset).createServ(grafserv);
await instance.ready();
await instance.addTo(app, server);
server.listen(Number(PORT), "127.0.0.1");
