import { beforeAll, describe, expect, it } from "@jest/globals";

import { createAppointment } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

describe("a cancelled appointment", () => {
  it("keeps the reason for which it was cancelled: nobody cancels it again, or writes another one", () =>
    db.asUser(world.here.provider, async (request) => {
      const { id } = world.here.appointment;
      const cancel = "select * from app_public.cancel_appointment($1, $2)";
      const reasonOf = () =>
        request.value("select cancelled_reason from app_public.appointments where id = $1", [id]);
      expect(await request.attempt(cancel, [id, "ill"])).toBe(1);
      for (const [sql, reason] of [
        [cancel, "ill"],
        [cancel, "moved away"],
        [cancel, ""],
        ["update app_public.appointments set cancelled_reason = $2 where id = $1", "moved away"],
        ["update app_public.appointments set cancelled_reason = nullif($2, '') where id = $1", ""],
      ]) {
        await expect(request.attempt(sql ?? "", [id, reason])).rejects.toMatchObject({ code: "CNFLT" });
        expect(await reasonOf()).toBe("ill");
      }
      // What is none of this may still be put right.
      const correct =
        "update app_public.appointments set reason = 'Knee', cancelled_reason = 'ill' where id = $1";
      expect(await request.attempt(correct, [id])).toBe(1);
    }));

  it("lets exactly one of two people cancel it at once", async () => {
    const { id } = await createAppointment(
      db.superuser,
      world.here.clinic,
      world.here.patient,
      world.here.provider,
    );
    const cancel = async (reason: string) => {
      await db.superuser.query("select app_public.cancel_appointment($1, $2)", [id, reason]);
      return reason;
    };
    const outcomes = await Promise.allSettled([cancel("ill"), cancel("moved away")]);
    const [first] = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    const { rows } = await db.superuser.query(
      "select cancelled_reason from app_public.appointments where id = $1",
      [id],
    );
    expect(rows).toEqual([{ cancelled_reason: first }]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });
});
