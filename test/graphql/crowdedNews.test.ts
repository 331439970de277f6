import { setTimeout as sleep } from "node:timers/promises";

import { beforeAll, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { errorsOf, useSubscriber } from "./subscriber.ts";

/** A gateway with one connection for requests, for which twenty may wait. */
const db = useTestDatabase();
const api = useGateway(db, {
  configure: (config) => ({ ...config, database: { ...config.database, gatewayPoolSize: 1 } }),
});
const subscriber = useSubscriber(db, api);
let world: World;

const SUBSCRIBERS = 40;
const SUBSCRIBE = `subscription ($clinicId: UUID!) {
  appointmentChanged(clinicId: $clinicId) { appointment { rowId } }
}`;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

it("tells everybody of a change, however many hear of it at once", async () => {
  const news = Array.from({ length: SUBSCRIBERS }, () =>
    subscriber.as(world.here.provider, SUBSCRIBE, { clinicId: world.here.clinic.id }).next(),
  );
  let isTold = false;
  const told = Promise.all(news).finally(() => (isTold = true));
  // They take their places one after another: who was not there yet hears of the next change.
  while (!isTold) {
    await db.superuser.query("update app_public.appointments set kind = kind where id = $1", [
      world.here.appointment.id,
    ]);
    await Promise.race([told, sleep(300)]);
  }
  for (const each of await told) {
    expect(errorsOf(each)).toBeUndefined();
    expect(each.value).toMatchObject({
      data: { appointmentChanged: { appointment: { rowId: world.here.appointment.id } } },
    });
  }
});
