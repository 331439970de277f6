import { demoId } from "./demoId.ts";

export interface DemoPerson {
  email: string;
  displayName: string;
  /** What they are, in a few words, for whoever chooses whom to sign in as. */
  is: string;
  /** What to send as `X-Purpose-Of-Use`, without which a superadmin reads no clinic's records. */
  purposeOfUse?: string;
}

/** Everybody's password, for `logIn`. It is public: the demo data are for development only. */
export const DEMO_PASSWORD = "correct horse battery staple";

export const DEMO_PEOPLE = {
  alice: {
    email: "alice@example.com",
    displayName: "Alice Martin",
    is: "owner of Acme Corp, provider in Acme Downtown, one of its two clinics",
  },
  bob: {
    email: "bob@example.com",
    displayName: "Bob Singh",
    is: "owner of Tech Startup Inc, provider in its clinic",
  },
  admin: {
    email: "admin@example.com",
    displayName: "Ada Minster",
    is: "superadmin of the installation, reads clinics' records for a purpose only",
    purposeOfUse: "support",
  },
  carol: {
    email: "carol@example.com",
    displayName: "Carol Roy",
    is: "provider in Acme Riverside, Acme Corp's other clinic",
  },
  dan: { email: "dan@example.com", displayName: "Dan Kowalski", is: "staff of Acme Downtown" },
  erin: { email: "erin@example.com", displayName: "Erin Walsh", is: "viewer in Acme Downtown" },
  pat: { email: "pat@example.com", displayName: "Pat Nguyen", is: "patient of Acme Downtown" },
} as const satisfies Record<string, DemoPerson>;

export type DemoPersonName = keyof typeof DEMO_PEOPLE;

/** Their row of app_public.users; the same in every database. */
export function demoUserId(name: DemoPersonName): string {
  return demoId(`user/${name}`);
}
