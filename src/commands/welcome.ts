import { relative } from "node:path";

import type { Config } from "../config.ts";
import { DEMO_PEOPLE, type DemoPerson } from "../seed/demoPeople.ts";
import { DEMO_QUERIES } from "../seed/demoQueries.ts";
import type { RunningDevelopment } from "../startDevelopment.ts";
import { developmentToken } from "./token.ts";

/** Who sees the most different worlds; `seed` lists the others. */
const SHOWN: readonly DemoPerson[] = [DEMO_PEOPLE.alice, DEMO_PEOPLE.bob, DEMO_PEOPLE.admin];

/** Where everything is, as each demo person a query to paste, and whatever else is to be said. */
export async function welcome(running: RunningDevelopment, alsoSay?: string): Promise<string> {
  const { gateway, database } = running;
  return [
    `  Explorer  ${gateway.url}/`,
    `  GraphQL   ${gateway.url}/graphql`,
    `  Health    ${gateway.adminUrl}/ready`,
    `  Database  ${database.config.database.url === null ? "npx bailiwick url" : "DATABASE_URL"}`,
    ...mailLines(database.config.mail),
    ...(await signInSection(running)),
    "",
    ...(alsoSay === undefined ? [] : [alsoSay]),
    "Ctrl-C stops everything.",
  ].join("\n");
}

function mailLines({ smtpUrl, folder }: Config["mail"]): string[] {
  return smtpUrl === null && folder !== null ? [`  Mail      ${relative(process.cwd(), folder)}/`] : [];
}

/** Nothing where tokens come from an outside issuer. */
async function signInSection({ gateway, database: { config, urls } }: RunningDevelopment): Promise<string[]> {
  if (config.auth.jwtSecret === null) {
    return [];
  }
  const invitations: string[] = [];
  for (const [index, person] of SHOWN.entries()) {
    const token = await developmentToken(config, urls.superuser, person.email);
    if (token !== null) {
      invitations.push("", ...invitation(person, token, `${gateway.url}/graphql`, index));
    }
  }
  return invitations.length === 0
    ? ["", "Nobody of the demo people is in this database: 'npx bailiwick seed' brings them."]
    : [
        "",
        "Three people, and a query as each of them to paste into another terminal. What it answers depends on who asks:",
        "swap the last lines and see. A token lives 12 hours; 'npx bailiwick token PERSON' prints another.",
        'In the explorer, the same goes under Headers: { "Authorization": "Bearer …" }',
        ...invitations,
      ];
}

/** A comment and a command, with the token at the end: what is long and unreadable comes last. */
function invitation(
  { email, is, purposeOfUse }: DemoPerson,
  token: string,
  url: string,
  index: number,
): string[] {
  const { title, query } = DEMO_QUERIES[index % DEMO_QUERIES.length] ?? {
    title: "",
    query: "{ viewer { email } }",
  };
  const body = JSON.stringify({ query: query.replaceAll(/\s+/g, " ") });
  const headers = [
    ...(purposeOfUse === undefined ? [] : [`X-Purpose-Of-Use: ${purposeOfUse}`]),
    `Authorization: Bearer ${token}`,
  ];
  return [
    `# ${email}: ${is}`,
    `# ${title}`,
    `curl -sw '\\n' ${url} -H 'Content-Type: application/json' \\`,
    `  -d ${inShellQuotes(body)} \\`,
    `  ${headers.map((header) => `-H ${inShellQuotes(header)}`).join(" ")}`,
  ];
}

function inShellQuotes(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
