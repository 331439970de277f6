import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const OF_OWN = "select count(*)::int from app_public.audit_logs where organization_id = $1";
const OF_NONE =
  "select count(*)::int from app_public.audit_logs where organization_id is null and user_id is distinct from auth.uid()";

const database = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(database.superuser);
});

describe("audit_logs", () => {
  it.each([
    ["an owner", () => world.owner, {}],
    ["an admin", () => world.admin, {}],
    ["a superadmin", () => world.superadmin, {}],
  ])("shows the organization's trail to %s", (_, person, scope) =>
    database.asUser(
      person(),
      async ({ value }) => expect(await value(OF_OWN, [world.own])).toBeGreaterThan(0),
      scope,
    ),
  );

  it.each([
    ["a provider", () => world.here.provider],
    ["a clinic admin", () => world.here.clinicAdmin],
    ["another organization's clinic admin", () => world.abroad.clinicAdmin],
    ["a stranger", () => world.stranger],
  ])("shows none of it to %s", (_, person) =>
    database.asUser(person(), async ({ value }) => expect(await value(OF_OWN, [world.own])).toBe(0)),
  );

  it("shows everybody what they did themselves, by field names and never by values", () =>
    database.asUser(world.here.staff, async ({ rows, attempt }) => {
      await attempt("update app_public.patients set phone = '+1 555 0199' where id = $1", [
        world.here.patient.id,
      ]);
      const events = await rows("select action, resource_id, metadata from app_public.audit_logs");
      expect(events).toEqual([
        {
          action: "update",
          resource_id: world.here.patient.id,
          metadata: {
            actorRole: "app_user",
            changedFields: ["phone"],
            requestId: "00000000-0000-7000-8000-000000000001",
          },
        },
      ]);
    }));

  describe("of an organization that is gone", () => {
    const gone = randomUUID();

    beforeAll(async () => {
      await database.superuser.query(
        `insert into app_audit.events (organization_id, actor_role, command, table_name, row_id, changed_fields)
         values ($1, 'app_owner', 'DELETE', 'app_public.clinics', $1, '{}'),
           ($1, 'app_owner', 'DELETE', 'app_vault.device_keys', $1, '{}')`,
        [gone],
      );
    });

    it("is shown to a superadmin, without what concerned the vault", () =>
      database.asUser(world.superadmin, async ({ rows }) =>
        expect(
          await rows("select resource_type from app_public.audit_logs where organization_id = $1", [gone]),
        ).toEqual([{ resource_type: "app_public.clinics" }]),
      ));

    it("is not part of what a superadmin asks for about another organization", () =>
      database.asUser(
        world.superadmin,
        async ({ value }) => {
          expect(await value(OF_OWN, [gone])).toBe(0);
          expect(await value(OF_OWN, [world.own])).toBeGreaterThan(0);
          expect(await value(OF_NONE)).toBe(0);
        },
        { organizationId: world.own },
      ));

    it.each([
      ["an owner", () => world.owner],
      ["a stranger", () => world.stranger],
    ])("is shown to nobody else: %s", (_, person) =>
      database.asUser(person(), async ({ value }) => {
        expect(await value(OF_OWN, [gone])).toBe(0);
        expect(await value(OF_NONE)).toBe(0);
      }),
    );
  });

  it("shows a superadmin what belongs to no organization, and each event once", () =>
    database.asUser(world.superadmin, async ({ value }) => {
      expect(await value(OF_NONE)).toBeGreaterThan(0);
      expect(await value("select count(*) = count(distinct id) from app_public.audit_logs")).toBe(true);
    }));

  it("denies anonymous", () =>
    database.asAnonymous(({ attempt }) =>
      expect(attempt("select id from app_public.audit_logs")).rejects.toMatchObject({ code: "42501" }),
    ));

  it.each(["seals", "checkpoints", "retention_policies", "legal_holds"])(
    "cannot be used to reach app_audit.%s",
    (table) =>
      database.asUser(world.owner, ({ attempt }) =>
        expect(attempt(`select 1 from app_audit.${table}`)).rejects.toMatchObject({ code: "42501" }),
      ),
  );
});
