import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll } from "@jest/globals";
import { pino } from "pino";

import type { Config } from "../../src/config.ts";
import { type RunningGateway, startGateway } from "../../src/gateway.ts";
import { outboundConfig } from "../outbound/deliveries.ts";
import { type TestDatabase, useTestDatabase } from "../support/database.ts";
import { runJobs } from "../support/jobs.ts";
import { type TakenMail, useMailServer } from "../support/mailServer.ts";

/** Somebody with a browser: a token, and the headers that it was told to send. */
export interface Visitor {
  email: string;
  token: string | null;
  headers: Record<string, string>;
}

export interface Reply {
  status: number;
  // A journey knows what it asked for; typing each answer would say it twice.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  data: any;
  /** Of the first error. */
  code: string | undefined;
}

export interface Journey {
  readonly db: TestDatabase;
  readonly url: string;
  ask(visitor: Visitor | null, query: string, variables?: Record<string, unknown>): Promise<Reply>;
  /** The data of an answer without an error. */
  get(visitor: Visitor | null, query: string, variables?: Record<string, unknown>): Promise<Reply["data"]>;
  /** Registers, follows the mail and signs in. */
  signUp(name: string): Promise<Visitor>;
  logIn(email: string): Promise<Visitor>;
  /** Lets the worker do what is due; the mails that went out. */
  work(): Promise<TakenMail[]>;
  /** Another process over the same database. */
  restart(): Promise<void>;
}

export const PASSWORD = "correct horse battery staple";
const START = 120_000;

/** The whole product as a person meets it: the API over HTTP, the worker, and mail. Nobody is made in SQL. */
export function useJourney(change: (config: Config) => Config = (config) => config): Journey {
  const db = useTestDatabase();
  const mailServer = useMailServer();
  let folder = "";
  let gateway: RunningGateway | undefined;
  const config = () => {
    const { integrations } = outboundConfig(db.config);
    const mail = { ...db.config.mail, smtpUrl: mailServer.url(), appUrl: "https://app.example" };
    return change({ ...db.config, integrations, mail, exports: { folder } });
  };
  const start = async () => {
    gateway = await startGateway(config(), { url: db.urls.gateway, logger: pino({ level: "silent" }) });
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "bailiwick-journey-"));
    await start();
  }, START);
  db.beforeDrop(async () => gateway?.close());
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const ask: Journey["ask"] = async (visitor, query, variables) => {
    const response = await fetch(`${gateway?.url.replace(/\/$/, "")}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/graphql-response+json",
        ...(visitor?.token && { authorization: `Bearer ${visitor.token}` }),
        ...visitor?.headers,
      },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as {
      data: unknown;
      errors?: { extensions?: { code?: string } }[];
    };
    return { status: response.status, data, code: errors?.[0]?.extensions?.code };
  };
  const get: Journey["get"] = async (visitor, query, variables) => {
    const { data, code, status } = await ask(visitor, query, variables);
    if (code !== undefined) {
      throw new Error(`${status} ${code}: ${query}`);
    }
    return data;
  };
  const logIn = async (email: string): Promise<Visitor> => {
    const { logIn: grant } = await get(null, LOG_IN, { email, password: PASSWORD });
    return { email, token: grant.result.accessToken, headers: {} };
  };
  const work = async () => {
    await runJobs(db, config());
    return mailServer.taken();
  };
  return {
    db,
    get url() {
      return gateway?.url.replace(/\/$/, "") ?? "";
    },
    ask,
    get,
    logIn,
    work,
    async signUp(name) {
      const email = `${name.toLowerCase()}@example.com`;
      await get(null, REGISTER, { email, password: PASSWORD, name });
      const code = codeIn(await work(), email, "confirm-registration");
      await get(null, CONFIRM, { code, password: PASSWORD });
      return logIn(email);
    },
    async restart() {
      await gateway?.close();
      await start();
    },
  };
}

/** The code in the link of the mail to somebody. */
export function codeIn(mails: readonly TakenMail[], email: string, page: string): string {
  const mail = mails.find(({ to }) => to.includes(email));
  const code = new RegExp(`/${page}#([0-9a-f]+)`).exec(mail?.content ?? "")?.[1];
  if (code === undefined) {
    throw new Error(`No mail to ${email} with a link to ${page}: ${mails.map(({ to }) => to).join(", ")}`);
  }
  return code;
}

export const REGISTER = `mutation ($email: String!, $password: String!, $name: String!) {
  register(input: { email: $email, password: $password, displayName: $name }) { result }
}`;
export const CONFIRM = `mutation ($code: String!, $password: String!) {
  confirmRegistration(input: { code: $code, password: $password }) { result { accessToken } }
}`;
export const LOG_IN = `mutation ($email: String!, $password: String!) {
  logIn(input: { email: $email, password: $password }) { result { accessToken refreshToken } }
}`;
