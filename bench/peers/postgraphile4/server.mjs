/** PostGraphile 4 as a library, with the plugins that the documents of the benchmark take. */
import { createServer } from "node:http";

import aggregates from "@graphile/pg-aggregates";
import simplifyInflector from "@graphile-contrib/pg-simplify-inflector";
import { makeAddInflectorsPlugin } from "graphile-utils";
import { postgraphile } from "postgraphile";
import connectionFilter from "postgraphile-plugin-connection-filter";

import { DATABASE_URL, JWT_SECRET, PORT, settingsOf } from "../identity.ts";

/** Enums as the gateway writes them. */
const enumNames = makeAddInflectorsPlugin({ enumName: (value) => value.toUpperCase() }, true);

const handler = postgraphile(DATABASE_URL, ["app_public", "app_vault"], {
  graphiql: false,
  disableQueryLog: true,
  dynamicJson: true,
  setofFunctionsContainNulls: false,
  ignoreRBAC: true,
  retryOnInitFail: false,
  appendPlugins: [
    simplifyInflector.default ?? simplifyInflector,
    connectionFilter,
    aggregates.default,
    enumNames,
  ],
  graphileBuildOptions: { pgOmitListSuffix: false },
  pgSettings: ({ headers }) => settingsOf(headers.authorization, JWT_SECRET),
});
createServer(handler).listen(Number(PORT), "127.0.0.1");
