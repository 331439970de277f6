import type { RequestEvent } from "./eventRecorder.ts";

/** What one request has read of patients so far. Filled while its plan runs, emptied when its answer is about to leave. */
export class AccessRecord {
  readonly #patients = new Map<string | null, Set<string>>();
  /** Column → how many values of it. */
  readonly #counts = new Map<string, number>();

  /** @param column for example `app_public.patients.given_name`. */
  note(column: string, organizationId: string | null, patientId: string | null): void {
    this.#counts.set(column, (this.#counts.get(column) ?? 0) + 1);
    const patients = this.#patients.get(organizationId) ?? new Set();
    this.#patients.set(organizationId, patients);
    if (patientId !== null) {
      patients.add(patientId);
    }
  }

  /**
   * Notes many rows at once.
   *
   * @param columns column → how often each row shows it.
   */
  noteRows(columns: ReadonlyMap<string, number>, rows: number): void {
    if (rows > 0) {
      columns.forEach((times, column) =>
        this.#counts.set(column, (this.#counts.get(column) ?? 0) + rows * times),
      );
    }
  }

  /** @param owner `organization/patient`, whose rows noteRows() has counted; either may be missing. */
  noteOwner(owner: string): void {
    const [organizationId, patientId] = owner.split("/").map((id) => id || null);
    const patients = this.#patients.get(organizationId ?? null) ?? new Set();
    this.#patients.set(organizationId ?? null, patients);
    if (patientId) {
      patients.add(patientId);
    }
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /**
   * One event for each organization whose rows were read, or one for all if there were no rows. Begins anew afterwards.
   *
   * @param reached columns that the operation reaches, rows or not.
   */
  take(settings: RequestEvent["settings"], reached: ReadonlySet<string>): RequestEvent[] {
    const fields = [...new Set([...reached, ...this.#counts.keys()])].sort();
    const rowCount = Math.max(0, ...this.#counts.values());
    // Rows of no organization (the audit has some) have no patients either; they go with the others.
    const named = [...this.#patients].filter(([organizationId]) => organizationId !== null);
    const patients = named.length > 0 ? named : [[null, new Set<string>()] as const];
    this.#patients.clear();
    this.#counts.clear();
    return patients.map(([organizationId, ids]) => ({
      settings,
      organizationId,
      tableName: tablesOf(fields),
      fields,
      patientIds: [...ids],
      rowCount,
    }));
  }
}

/** `app_public.appointments, app_public.patients`: of columns their tables, of functions themselves. */
function tablesOf(fields: readonly string[]): string {
  const tables = fields.map((field) => field.replace(field.endsWith("()") ? "()" : /\.[^.]*$/, ""));
  return [...new Set(tables)].join(", ");
}
