/** Nothing to report. */
export const CLEAN = 0;
/** The command ran and found something a person has to look at. */
export const FINDINGS = 1;
/** The command could not do its work: wrong arguments, wrong environment, a failure on the way. */
export const COULD_NOT_RUN = 2;
