/** Mistakes in the program, as opposed to in its surroundings: only their stack says where. */
const PROGRAMMING_ERRORS = [TypeError, ReferenceError, RangeError, SyntaxError];

/** What a person needs to know of an error that ended a command: its message; the stack only where that is the news. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  // Wrong options are whoever's who typed them, though node:util throws a TypeError for them.
  if ((error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS_")) {
    return error.message;
  }
  if (PROGRAMMING_ERRORS.some((kind) => error instanceof kind)) {
    return error.stack ?? error.message;
  }
  if (error instanceof AggregateError && error.message === "") {
    // Node tries every address of a host and reports the attempts without a word of its own.
    return error.errors.map(describeFailure).join("; ");
  }
  return error.message;
}
