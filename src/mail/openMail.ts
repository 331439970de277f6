import { createHash } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { createTransport } from "nodemailer";
import type { Logger } from "pino";

import { ConnectionGate } from "../database/ConnectionGate.ts";
import { JobProblem } from "../jobs/JobProblem.ts";
import type { MailConfig } from "./parseMail.ts";
import type { LetterText } from "./templates.ts";

export interface Letter extends LetterText {
  /** One address. */
  to: string;
  /** Names the mail: the same key makes the same Message-ID, by which a second copy is known as one. */
  key: string;
}

export interface Mail {
  /**
   * Resolves when the server has taken the mail, or it lies in the folder. Errors name no address. A mail whose signal is
   * aborted while it waits for its turn is not sent.
   */
  send(letter: Letter, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Milliseconds. A server that does not answer is tried again by the queue. */
const CONNECTION_TIMEOUT = 10_000;
/** Servers look into a mail before they say that they took it; who does not wait for that sends it twice. */
const SOCKET_TIMEOUT = 5 * 60_000;
const MAXIMUM_CONNECTIONS = 2;
/** Milliseconds that a mail waits for its turn; then it is for the queue to try it again, which has other work to do. */
const PATIENCE = 20_000;
const MAXIMUM_WAITING = 100;
const NO_FILES = { disableFileAccess: true, disableUrlAccess: true };

/** By SMTP where a server is configured, else into a folder; production without a server refuses every mail. */
export function openMail(config: MailConfig, logger: Logger): Mail {
  if (config.smtpUrl !== null) {
    return openServer(config, config.smtpUrl);
  }
  if (config.folder !== null) {
    return openFolder(config, config.folder, logger);
  }
  return {
    send: () => Promise.reject(new JobProblem("not_ready", "No mail can be sent: SMTP_URL is not set.")),
    close: () => undefined,
  };
}

function openServer(config: MailConfig, smtpUrl: string): Mail {
  const transport = createTransport(
    {
      url: smtpUrl,
      pool: true,
      maxConnections: MAXIMUM_CONNECTIONS,
      connectionTimeout: CONNECTION_TIMEOUT,
      greetingTimeout: CONNECTION_TIMEOUT,
      socketTimeout: SOCKET_TIMEOUT,
      ...NO_FILES,
    },
    { from: config.from },
  );
  // The line stands before nodemailer: what waits in there cannot be called back, and would be sent when its job is tried again.
  const line = new ConnectionGate({
    places: MAXIMUM_CONNECTIONS,
    patience: PATIENCE,
    maximumWaiting: MAXIMUM_WAITING,
  });
  return {
    async send(letter, signal) {
      const leave = await line.enter("", signal).catch(() => {
        throw new JobProblem("unavailable", "The mail server is busy with other mails.");
      });
      await transport
        .sendMail(message(config, letter))
        .catch((error: SmtpError) => {
          // What servers answer quotes the address; the code says as much to an operator.
          const isRefusal = error.responseCode !== undefined;
          const said = error.responseCode ?? error.code ?? "unknown";
          throw new JobProblem(
            isRefusal ? "refused" : "unavailable",
            `The mail server did not take a mail (${said}).`,
          );
        })
        .finally(leave);
    },
    close: () => transport.close(),
  };
}

interface SmtpError extends Error {
  code?: string;
  responseCode?: number;
}

function openFolder(config: MailConfig, folder: string, logger: Logger): Mail {
  const transport = createTransport(
    { streamTransport: true, buffer: true, ...NO_FILES },
    { from: config.from },
  );
  return {
    async send(letter) {
      const { message: content } = await transport.sendMail(message(config, letter));
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const file = join(folder, `${messageName(letter.key)}.eml`);
      // It holds a link that works: for the owner of the folder only, and whole or not at all.
      await writeFile(`${file}.part`, content, { mode: 0o600 });
      await rename(`${file}.part`, file);
      logger.info({ file }, `Without SMTP_URL, the mail '${letter.subject}' was written to a file`);
    },
    close: () => undefined,
  };
}

function message({ from }: MailConfig, { to, key, ...text }: Letter) {
  const domain = /@([^>\s]+)/.exec(from)?.[1] ?? "localhost";
  return {
    ...text,
    // As an object: what stands in an address is never read as a list of several.
    to: { name: "", address: to },
    messageId: `<${messageName(key)}@${domain}>`,
    headers: { "Auto-Submitted": "auto-generated" },
  };
}

function messageName(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 32);
}
