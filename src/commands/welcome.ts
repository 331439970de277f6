import type { RunningDevelopment } from "../startDevelopment.ts";
import { developmentToken } from "./token.ts";

interface DemoPerson {
  email: string;
  sees: string;
  /** A superadmin reaches clinics' records only with a purpose, which goes on record. */
  purpose?: string;
}

const DEMO_PEOPLE: DemoPerson[] = [
  { email: "alice@example.com", sees: "owns Acme Corp and is a provider in one of its clinics" },
  { email: "bob@example.com", sees: "belongs to Tech Startup Inc" },
  { email: "admin@example.com", sees: "is superadmin", purpose: "support" },
];

const QUERY =
  "{ viewer { email } organizations { nodes { name clinics { nodes { name appointments(first: 2) " +
  "{ nodes { startsAt status patient { givenName familyName } } } } } } } }";

/** Where everything is, and the same query as each demo person, ready to paste. */
export async function welcome({ gateway, database: { config, urls } }: RunningDevelopment): Promise<string> {
  const lines = [
    `Explorer  ${gateway.url}/`,
    `GraphQL   ${gateway.url}/graphql`,
    `Health    ${gateway.adminUrl}/ready`,
    config.database.url === null
      ? `Database  npx bailiwick url   (in ${config.database.dataDir})`
      : "Database  DATABASE_URL",
  ];
  const invitations = await Promise.all(DEMO_PEOPLE.map((person) => invitation(person)));
  const found = invitations.filter((text) => text !== null);
  if (found.length > 0) {
    lines.push(
      "",
      "The same query as people who see different worlds (a token lives 12 hours; a new one: npx bailiwick token PERSON):",
    );
    lines.push(...found);
  }
  lines.push("", "Ctrl-C stops everything.");
  return lines.join("\n");

  async function invitation({ email, sees, purpose }: DemoPerson): Promise<string | null> {
    const token = config.auth.jwtSecret && (await developmentToken(config, urls.superuser, email));
    if (!token) {
      return null;
    }
    const headers = [`Authorization: Bearer ${token}`, "Content-Type: application/json"];
    if (purpose !== undefined) {
      headers.push(`X-Purpose-Of-Use: ${purpose}`);
    }
    const options = headers.map((header) => `-H '${header}'`).join(" ");
    return `\n# ${email} ${sees}\ncurl -s ${gateway.url}/graphql ${options} -d '${JSON.stringify({ query: QUERY })}'`;
  }
}
