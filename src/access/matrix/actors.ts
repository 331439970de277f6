import { escapeLiteral } from "pg";

import type { FullWorld } from "../world/fullWorld.ts";
import { type Kind, KINDS, personOfKind } from "../world/kinds.ts";
import { type Login, requestSettings } from "../world/rolledBack.ts";
import { FUNCTION_ROLES } from "./readTables.ts";
import type { Place } from "./relations.ts";

/** Somebody who tries: a kind of person behind the gateway's login, or a server's role behind its own. */
export interface MatrixActor {
  who: string;
  login: Exclude<Login, "superuser" | "owner">;
  /** What the role is called in grants. */
  role: "app_user" | "app_anonymous" | "app_worker" | "app_data" | "app_definer" | "app_share_reader";
  settings: Readonly<Record<string, string>>;
  userId: string | null;
  /** Whose rows are theirs, where no membership says so. */
  place?: Partial<Place>;
  /** Done before everything else, in the same transaction. */
  before?: string;
}

function kindActor(world: FullWorld, kind: Kind): MatrixActor {
  const { person, scope, token } = personOfKind(world, kind);
  return {
    who: kind,
    login: "gateway",
    role: person === null ? "app_anonymous" : "app_user",
    settings: requestSettings(person, scope),
    userId: person?.userId ?? null,
    ...(token !== undefined && { before: `select app_vault.redeem_share(${escapeLiteral(token)})` }),
  };
}

/** Everybody of the world, and the roles of the servers: at work for the own organization, and for nobody. */
export function matrixActors(world: FullWorld): MatrixActor[] {
  const clinicIds = [world.here.clinic.id, world.there.clinic.id];
  const server = { userId: null, place: { organizationIds: [world.own], clinicIds } };
  return [
    ...KINDS.map((kind) => kindActor(world, kind)),
    {
      ...server,
      who: "worker",
      login: "worker",
      role: "app_worker",
      settings: { "app.organization_id": world.own, "app.current_org_id": world.own },
    },
    { who: "idle worker", login: "worker", role: "app_worker", settings: {}, userId: null },
    {
      ...server,
      who: "import",
      login: "data",
      role: "app_data",
      settings: { "app.data_scope": world.own },
    },
  ];
}

/** The roles that functions act as, for some who call them: what a mistake in such a function could reach at most. */
export function functionActors(world: FullWorld): MatrixActor[] {
  const callers: Kind[] = ["provider", "owner", "stranger"];
  return FUNCTION_ROLES.flatMap((role) =>
    callers.map((kind) => {
      const { settings, userId } = kindActor(world, kind);
      const who = `${role} for ${kind}`;
      return { who, login: "data", role, settings: { ...settings, role }, userId } satisfies MatrixActor;
    }),
  );
}
