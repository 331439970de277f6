import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";

const HISTORY = "select kind, granted from app_public.consents order by created_at, id";

const database = useTestDatabase();
let person: Person;
let other: Person;

beforeAll(async () => {
  person = await createPerson(database.superuser);
  other = await createPerson(database.superuser);
});

describe("consents", () => {
  it("keeps what was given and what was taken back, in order", () =>
    database.asUser(person, async ({ rows, attempt }) => {
      await attempt("update app_public.profiles set consent_pipeda = true");
      await attempt("update app_public.profiles set consent_pipeda = true, consent_marketing = true");
      await attempt("update app_public.profiles set consent_pipeda = false");
      expect(await rows(HISTORY)).toEqual([
        { kind: "pipeda", granted: true },
        { kind: "marketing", granted: true },
        { kind: "pipeda", granted: false },
      ]);
    }));

  it("are seen by the person and by nobody else", () =>
    database.asUser(person, async ({ rows, attempt, become }) => {
      await attempt("update app_public.profiles set consent_pipeda = true");
      await become(other);
      expect(await rows(HISTORY)).toEqual([]);
    }));

  it.each([
    "insert into app_public.consents (user_id, kind, granted) values (auth.uid(), 'pipeda', true)",
    "update app_public.consents set granted = false",
    "delete from app_public.consents",
  ])("cannot be written: %s", (sql) =>
    database.asUser(person, ({ attempt }) => expect(attempt(sql)).rejects.toMatchObject({ code: "42501" })),
  );
});

describe("user_id_map", () => {
  it("follows the legacy id of a user", () =>
    database.inTransaction(async (client) => {
      const mapped = async () =>
        (
          await client.query("select legacy_id from app_private.user_id_map where user_id = $1", [
            person.userId,
          ])
        ).rows;
      const set = (id: string | null) =>
        client.query("update app_public.users set legacy_id = $2 where id = $1", [person.userId, id]);
      await set("old-1");
      expect(await mapped()).toEqual([{ legacy_id: "old-1" }]);
      await set("old-2");
      expect(await mapped()).toEqual([{ legacy_id: "old-2" }]);
      await set(null);
      expect(await mapped()).toEqual([]);
    }));
});
