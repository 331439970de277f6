export interface DemoQuery {
  title: string;
  query: string;
}

/** To paste into the explorer: what they answer depends on who asks. */
export const DEMO_QUERIES: readonly DemoQuery[] = [
  {
    title: "Who am I, and what do I see?",
    query: `{
  viewer { email profile { displayName } }
  organizations { nodes { name clinics { nodes { name timezone } } } }
}`,
  },
  {
    title: "Patients and their latest appointments",
    query: `{
  patients(orderBy: FAMILY_NAME_ASC) {
    nodes {
      rowId
      givenName
      familyName
      homeClinic { name }
      appointments(orderBy: STARTS_AT_DESC, first: 2) { nodes { startsAt status reason provider { displayName } } }
    }
  }
}`,
  },
  {
    title: "What was done, and what it cost",
    query: `{
  careSessions(orderBy: STARTED_AT_DESC, first: 5) {
    nodes { startedAt summary costCents clinic { name } patient { familyName } }
  }
}`,
  },
];
