import { expect, it } from "@jest/globals";

import { printApi } from "../../src/commands/schema.ts";
import { useTestDatabase } from "../support/database.ts";

// Not of the template: nobody can clone that while somebody is connected.
const db = useTestDatabase();

// The first of them: the plugin changes a class of graphile-build's for good.
it("is the API that graphile-build works out by itself, each behavior and name anew", async () => {
  const gatewayUrl = db.urls.gateway;
  const anew = await printApi(gatewayUrl, ["RememberedBehaviorPlugin", "RememberedNamesPlugin"]);
  expect(anew).toContain("type Patient implements Node");
  expect(await printApi(gatewayUrl)).toBe(anew);
}, 60_000);
