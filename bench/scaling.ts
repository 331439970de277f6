/**
 * What grows how, each on a throw-away Postgres:
 *
 *   bin/node bench/scaling.ts keys                          keys that carry the tenant, and those that do not
 *   bin/node bench/scaling.ts startup                       from the start of a gateway until it is ready
 *   bin/node bench/scaling.ts sockets 500 1000 5000         memory and processor time of a gateway by open sockets
 *   bin/node bench/scaling.ts volumes 10:10000 1000:100000  reads by tenants and patients
 */
import { pino } from "pino";

import { openThrowAwayDatabase } from "../src/database/throwAway/openThrowAwayDatabase.ts";
import { sockets } from "./scaling/sockets.ts";
import { startUp } from "./scaling/startUp.ts";
import { tenantKeys } from "./scaling/tenantKeys.ts";
import { volumes } from "./scaling/volumes.ts";

const [what = "", ...rest] = process.argv.slice(2);
if (!["keys", "startup", "sockets", "volumes"].includes(what)) {
  console.error("Name one of keys, startup, sockets, volumes.");
  process.exit(2);
}
const database = await openThrowAwayDatabase(pino({ level: "silent" }));
try {
  switch (what) {
    case "keys":
      await tenantKeys(database.urls.superuser);
      break;
    case "startup":
      await startUp(database);
      break;
    case "sockets":
      await sockets(database, rest.map(Number));
      break;
    default:
      await volumes(database, rest);
  }
} finally {
  await database.close();
}
