import type { ProbedTable } from "./readTables.ts";

/** A row as `to_jsonb` gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** What a row can be to a person, in the order in which it is decided and shown. */
export const RELATIONS = [
  /** They are its subject, its author or its patient. */
  "own",
  /** A new row of theirs that names something of somebody else's. */
  "own with another's",
  /** One of the clinics that it names is theirs. */
  "same clinic",
  /** Their clinic has a link to its patient, or a share of it. */
  "shared",
  /** Of a patient whose link gives the name and no record. */
  "shared by name",
  /** Of a patient whose record they opened in an emergency that goes on. */
  "break-glass",
  /** Of their organization and none of its clinics. */
  "organization",
  "other clinic",
  "other organization",
  /** Of nobody in particular: definitions, the system's own. */
  "system",
] as const;
export type Relation = (typeof RELATIONS)[number];

/** What decides about relations: the person's place, as the database has it. */
export interface Place {
  userId: string | null;
  clinicIds: readonly string[];
  organizationIds: readonly string[];
}

const text = (value: unknown) => (typeof value === "string" ? value : undefined);
/** Who did something is among a row's people, though nothing refers to them: accounts end before records do. */
const AUTHORS = ["created_by", "actor_id"];

/** All rows of the world, and what follows from them about who is related to which. */
export class Relations {
  private readonly tables: ReadonlyMap<string, ProbedTable>;
  private readonly rows: ReadonlyMap<string, readonly Row[]>;

  constructor(tables: readonly ProbedTable[], rows: ReadonlyMap<string, readonly Row[]>) {
    this.tables = new Map(tables.map((table) => [table.name, table]));
    this.rows = rows;
  }

  /** Where somebody works, or is a patient. */
  placeOf(userId: string | null): Place {
    const own = (table: string, column: string) =>
      this.all(table).filter((row) => userId !== null && row[column] === userId && row.active !== false);
    const ids = (table: string, column: string, place: string) =>
      own(table, column).map((row) => String(row[place]));
    const patients = ["app_public.patients", "portal_user_id"] as const;
    return {
      userId,
      clinicIds: [
        ...ids("app_public.clinic_memberships", "user_id", "clinic_id"),
        ...ids(...patients, "home_clinic_id"),
      ],
      organizationIds: [
        ...ids("app_public.organization_memberships", "user_id", "organization_id"),
        ...ids(...patients, "organization_id"),
      ],
    };
  }

  relationOf(table: ProbedTable, row: Row, place: Place): Relation {
    const people = this.peopleOf(table, row);
    const patients = this.patientsOf(table, row);
    if (place.userId !== null && [...people, ...this.portalUsers(patients)].includes(place.userId)) {
      return "own";
    }
    const clinics = this.referred(table, row, "app_public.clinics");
    if (clinics.some((id) => place.clinicIds.includes(id))) {
      return "same clinic";
    }
    const shared = this.shared(table, row, patients, place);
    if (shared !== undefined) {
      return shared;
    }
    return this.remoteRelation(table, row, clinics, people, place);
  }

  private remoteRelation(
    table: ProbedTable,
    row: Row,
    clinics: readonly string[],
    people: readonly string[],
    place: Place,
  ): Relation {
    const organizations = this.referred(table, row, "app_public.organizations");
    if (organizations.length > 0) {
      const isOwn = organizations.some((id) => place.organizationIds.includes(id));
      return !isOwn ? "other organization" : clinics.length > 0 ? "other clinic" : "organization";
    }
    if (people.length === 0) {
      return "system";
    }
    // A person's own things belong to no tenant: they are as far away as their owner.
    const owners = people.map((id) => this.placeOf(id));
    if (owners.some(({ clinicIds }) => clinicIds.some((id) => place.clinicIds.includes(id)))) {
      return "same clinic";
    }
    const isColleague = owners.some(({ organizationIds }) =>
      organizationIds.some((id) => place.organizationIds.includes(id)),
    );
    return isColleague ? "other clinic" : "other organization";
  }

  private shared(
    table: ProbedTable,
    row: Row,
    patients: readonly string[],
    place: Place,
  ): Relation | undefined {
    const isHere = (share: Row, column: string) => place.clinicIds.includes(String(share[column]));
    const links = this.all("app_public.patient_clinic_links").filter(
      (link) => isHere(link, "clinic_id") && patients.includes(String(link.patient_id)),
    );
    const shares = this.all("app_public.resource_shares").filter(
      (share) =>
        isHere(share, "clinic_id") &&
        [
          ["care_session_id", "app_public.care_sessions"],
          ["report_id", "app_public.reports"],
        ].some(([column = "", target = ""]) =>
          this.referred(table, row, target).includes(String(share[column])),
        ),
    );
    if (shares.length > 0 || links.some(({ access }) => access === "full_record")) {
      return "shared";
    }
    const vaultShares = this.all("app_vault.healthcare_shares").filter((share) =>
      isHere(share, "recipient_clinic_id"),
    );
    const isVault = table.name.startsWith("app_vault.");
    if (isVault && vaultShares.some((share) => this.isOfShare(table, row, share))) {
      return "shared";
    }
    const isOpened = this.all("app_public.break_glass_grants").some(
      (grant) =>
        grant.user_id === place.userId &&
        grant.revoked_at === null &&
        new Date(String(grant.expires_at)).getTime() > Date.now() &&
        patients.includes(String(grant.patient_id)),
    );
    return isOpened ? "break-glass" : links.length > 0 ? "shared by name" : undefined;
  }

  private isOfShare(table: ProbedTable, row: Row, share: Row): boolean {
    const records = this.all("app_vault.healthcare_share_records").filter(
      ({ share_id }) => share_id === share.id,
    );
    return (
      this.referred(table, row, "app_vault.healthcare_shares").includes(String(share.id)) ||
      records.some((record) =>
        this.referred(table, row, "app_vault.encrypted_cycle_data").includes(String(record.record_id)),
      )
    );
  }

  private peopleOf(table: ProbedTable, row: Row): string[] {
    const named = ["user_id", ...AUTHORS].flatMap((column) => text(row[column]) ?? []);
    return [...this.referred(table, row, "app_public.users"), ...named];
  }

  private portalUsers(patients: readonly string[]): string[] {
    return this.all("app_public.patients")
      .filter(({ id }) => patients.includes(String(id)))
      .flatMap(({ portal_user_id: id }) => text(id) ?? []);
  }

  /** Whom it is about: by itself, or by the session or report that it belongs to. */
  private patientsOf(table: ProbedTable, row: Row): string[] {
    const direct = this.referred(table, row, "app_public.patients");
    if (direct.length > 0) {
      return direct;
    }
    const sessions = this.referred(table, row, "app_public.care_sessions");
    return this.all("app_public.care_sessions")
      .filter(({ id }) => sessions.includes(String(id)))
      .map(({ patient_id: id }) => String(id));
  }

  /** The ids of a target's rows that a row refers to; its own, if it is one of them. */
  private referred(table: ProbedTable, row: Row, target: string): string[] {
    const columns = table.references
      .filter((reference) => reference.target === target)
      .flatMap(({ columns, targetColumns }) => columns.filter((_, index) => targetColumns[index] === "id"));
    const own = table.name === target ? ["id"] : [];
    // A view has no references, and of a composite key the target may be the parent's parent: names say the same.
    const name = `${target.split(".")[1]?.slice(0, -1)}_id`;
    const named = Object.keys(row).filter((column) => column === name || column.endsWith(`_${name}`));
    return [...new Set([...own, ...columns, ...named])].flatMap((column) => text(row[column]) ?? []);
  }

  private all(table: string): readonly Row[] {
    return this.tables.has(table) ? (this.rows.get(table) ?? []) : [];
  }
}
