/** Why a sheet could not be read or written, in a sentence for the people of the clinic: no secret, no answer of a server. */
export class SheetProblem extends Error {
  override readonly name = "SheetProblem";
  /** Trying again soon may help. */
  readonly isTransient: boolean;

  constructor(sentence: string, { isTransient = false } = {}) {
    super(sentence);
    this.isTransient = isTransient;
  }
}

/** What an error of Google's client means. The error itself stays behind: it holds the request, and the token in it. */
export function asSheetProblem(error: unknown): SheetProblem {
  if (error instanceof SheetProblem) {
    return error;
  }
  const { status, response } = (error ?? {}) as { status?: number; response?: { status?: number } };
  const code = response?.status ?? status ?? 0;
  if (code === 429 || code >= 500 || code === 0 || code === 408) {
    return new SheetProblem("Google did not answer, or asked to wait.", { isTransient: true });
  }
  if (code === 404) {
    return new SheetProblem(
      "There is no spreadsheet of that id, or it is not shared with the service account.",
    );
  }
  if (code === 400) {
    return new SheetProblem("Google refused the request: the sheet or the service account is not as it was.");
  }
  return new SheetProblem("Google refused the service account: share the spreadsheet with it, to edit.");
}
