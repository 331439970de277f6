/**
 * Requests whose answer may tell whether something foreign exists, and why that is meant. An entry that no longer occurs is
 * a finding itself.
 */
export const ACCEPTED_TRACES: Readonly<Record<string, string>> = {
  "Mutation.createHealthcareShare":
    "A person shares their own records with any clinic whose id they were given; that the clinic exists is all they learn.",
};
