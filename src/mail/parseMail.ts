import { join, resolve } from "node:path";

export interface MailConfig {
  /** The server that sends, with its password; null: mails become files in `folder`, or in production nothing. */
  smtpUrl: string | null;
  /** Sender of every mail. */
  from: string;
  /** Absolute path where development keeps its mails; null in production. */
  folder: string | null;
  /** Where people use the application: links in mails point into it. Ends without a slash. */
  appUrl: string;
}

/** Readers of single variables, as src/config.ts has them. */
interface Reader {
  problems: string[];
  text(name: string): string | null;
  url(name: string, protocols: readonly string[]): string | null;
}

const DEVELOPMENT_FROM = "Bailiwick <no-reply@localhost>";
const DEVELOPMENT_APP_URL = "http://localhost:3000";
/** One address, with or without a name before it; nothing that could begin another header. */
const SENDER = /^(?:[^<>@\r\n,;]+<[^<>@\s,;]+@[^<>@\s,;]+>|[^<>@\s,;]+@[^<>@\s,;]+)$/;

/** Reads SMTP_URL, MAIL_FROM, MAIL_FOLDER and APP_URL. Whoever sends has to say from whom, and where links lead. */
export function parseMail(
  read: Reader,
  { dataDir, isProduction }: { dataDir: string; isProduction: boolean },
): MailConfig {
  const smtpUrl = read.url("SMTP_URL", ["smtp:", "smtps:"]);
  const from = read.text("MAIL_FROM");
  const appUrl = read.url("APP_URL", ["http:", "https:"]);
  if (from !== null && !SENDER.test(from)) {
    read.problems.push("MAIL_FROM must be one address, such as 'Clinic <no-reply@clinic.example>'");
  }
  if (smtpUrl !== null && (from === null || appUrl === null)) {
    read.problems.push("SMTP_URL needs MAIL_FROM, who mails are from, and APP_URL, where their links lead");
  }
  return {
    smtpUrl,
    from: from ?? DEVELOPMENT_FROM,
    folder: isProduction ? null : resolve(read.text("MAIL_FOLDER") ?? join(dataDir, "mail")),
    appUrl: (appUrl ?? DEVELOPMENT_APP_URL).replace(/\/+$/, ""),
  };
}
