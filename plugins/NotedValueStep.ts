import { context, type ExecutionDetails, type GrafastResultsList, Step } from "grafast";

import type { AccessRecord } from "../src/audit/AccessRecord.ts";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Grafast learns of the context's members
  namespace Grafast {
    interface Context {
      /** What the request has read of patients; nobody asks where there is none (schema export, plans). */
      accessRecord?: AccessRecord;
    }
  }
}

/** Yields a column's value as it is, and notes whose record it is of: no value of the column gets out any other way. */
export class NotedValueStep extends Step<unknown> {
  static override $$export = { moduleName: "bailiwick", exportName: "NotedValueStep" };
  override isSyncAndSafe = true;
  readonly #column: string;
  /** Which of the dependencies is which: a step that is given twice is one of them. */
  readonly #at: { value: number; organization: number; patient: number; record: number };

  constructor(
    column: string,
    { $value, $organization, $patient }: { $value: Step; $organization: Step; $patient: Step },
  ) {
    super();
    this.#column = column;
    this.#at = {
      value: this.addDataDependency($value),
      organization: this.addDataDependency($organization),
      patient: this.addDataDependency($patient),
      record: this.addUnaryDependency(context().get("accessRecord")),
    };
  }

  override execute({ indexMap, values }: ExecutionDetails): GrafastResultsList<unknown> {
    const { value, organization, patient, record } = this.#at;
    const noted = values[record]?.unaryValue() as AccessRecord | undefined;
    return indexMap((index) => {
      noted?.note(
        this.#column,
        (values[organization]?.at(index) ?? null) as string | null,
        (values[patient]?.at(index) ?? null) as string | null,
      );
      return values[value]?.at(index);
    });
  }
}
