import { accessSync, constants, existsSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { Logger } from "pino";

import { type Config, parseConfig } from "../config.ts";
import { embeddedBinaries } from "../database/embedded/binaries.ts";
import { serverAccount } from "../database/embedded/serverAccount.ts";
import { findDatabase } from "../database/openDatabase.ts";
import { describeFailure } from "../describeFailure.ts";
import { portProblem } from "../portProblem.ts";
import { examineConnections } from "./examineConnections.ts";
import { examineDatabase } from "./examineDatabase.ts";
import { examineTokens } from "./examineTokens.ts";

/** One thing that was looked at, as a sentence, by `doctor` or of a restored backup. A finding's sentence says what to do. */
export interface Observation {
  topic:
    | "runtime"
    | "configuration"
    | "ports"
    | "data folder"
    | "disk"
    | "embedded Postgres"
    | "tokens"
    | "mail"
    | "database"
    | "file"
    | "schema"
    | "rows"
    | "access"
    | "audit";
  isFinding: boolean;
  sentence: string;
}

const MINIMUM_NODE = 24;
const OTHERS_MAY_READ = 0o077;
const GIGABYTE = 1024 ** 3;
/** Gigabytes. */
const MINIMUM_FREE = 1;

export const fine = (topic: Observation["topic"], sentence: string): Observation => ({
  topic,
  isFinding: false,
  sentence,
});
export const finding = (topic: Observation["topic"], sentence: string): Observation => ({
  topic,
  isFinding: true,
  sentence,
});

/** Looks at everything that a start needs, changes nothing, and goes on after a finding as far as that makes sense. */
export async function examine(env: NodeJS.ProcessEnv, logger: Logger): Promise<Observation[]> {
  const observations = [examineRuntime()];
  let config: Config;
  try {
    config = parseConfig(env);
  } catch (error) {
    return [...observations, finding("configuration", describeFailure(error))];
  }
  observations.push(
    fine("configuration", `The configuration is complete for NODE_ENV=${config.environment}.`),
  );
  if (usesEmbedded(config)) {
    observations.push(...examineDataFolder(config.database.dataDir), examineBinaries());
    observations.push(await examineDisk(config.database.dataDir));
  }
  observations.push(...(await examineTokens(config)), examineMail(config));
  const isServing = findDatabase(config) !== null && (await isAlive(config));
  observations.push(...(await examinePorts(config, isServing)));
  observations.push(...(await examineDatabase(config, logger)), ...(await examineConnections(config)));
  return observations;
}

/** Whether nothing says where a database is, so that it has to be the one of the data folder. */
export function usesEmbedded({ database }: Config): boolean {
  const { url, gatewayUrl, workerUrl, backupUrl } = database;
  return [url, gatewayUrl, workerUrl, backupUrl].every((configured) => configured === null);
}

function examineMail({ mail }: Config): Observation {
  if (mail.smtpUrl !== null) {
    return fine("mail", `Mails go out by SMTP_URL, from ${mail.from}.`);
  }
  return mail.folder === null
    ? finding("mail", "Nothing can be mailed, so nobody can register or be invited: set SMTP_URL.")
    : fine("mail", `Without SMTP_URL, mails become files in '${mail.folder}'.`);
}

function examineRuntime(): Observation {
  const major = Number.parseInt(process.versions.node, 10);
  return major >= MINIMUM_NODE
    ? fine("runtime", `Node ${process.versions.node} runs this command.`)
    : finding(
        "runtime",
        `Node ${process.versions.node} is too old, ${MINIMUM_NODE} or later is needed: start commands with npm or npx, ` +
          "which take the Node that 'npm install' brings.",
      );
}

function examineDataFolder(dataDir: string): Observation[] {
  const existing = nearestExisting(dataDir);
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch {
    return [
      finding(
        "data folder",
        `'${existing}' is not writable: make it so, or set DATA_DIR to a folder that is.`,
      ),
    ];
  }
  const secrets = statSync(join(dataDir, "secrets.json"), { throwIfNoEntry: false });
  if (secrets !== undefined && (secrets.mode & OTHERS_MAY_READ) !== 0) {
    return [
      finding("data folder", `Others may read '${join(dataDir, "secrets.json")}': run chmod 600 on it.`),
    ];
  }
  return [fine("data folder", `'${dataDir}' is writable.`)];
}

async function examineDisk(dataDir: string): Promise<Observation> {
  const { bavail, bsize } = await statfs(nearestExisting(dataDir));
  const free = (bavail * bsize) / GIGABYTE;
  return free < MINIMUM_FREE
    ? finding(
        "disk",
        `${free.toFixed(1)} GB are free where '${dataDir}' lies: make room, or Postgres stops when it is full.`,
      )
    : fine("disk", `${free.toFixed(0)} GB are free where '${dataDir}' lies.`);
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

function examineBinaries(): Observation {
  try {
    return fine("embedded Postgres", `Its programs are in '${embeddedBinaries(18, serverAccount("/"))}'.`);
  } catch (error) {
    return finding("embedded Postgres", describeFailure(error));
  }
}

async function isAlive({ http: { host, adminPort } }: Config): Promise<boolean> {
  const answer = await fetch(`http://${host}:${adminPort}/live`).catch(() => null);
  return answer?.ok ?? false;
}

async function examinePorts(
  { http: { host, port, adminPort }, worker }: Config,
  isServing: boolean,
): Promise<Observation[]> {
  if (isServing) {
    return [fine("ports", `A gateway answers on ${host}:${adminPort}.`)];
  }
  const problems = [
    await portProblem(host, port, "PORT"),
    await portProblem(host, adminPort, "ADMIN_PORT"),
    await portProblem(host, worker.adminPort, "WORKER_ADMIN_PORT"),
  ];
  const found = problems.filter((problem) => problem !== null);
  return found.length > 0
    ? found.map((problem) => finding("ports", problem))
    : [fine("ports", `Ports ${port}, ${adminPort} and ${worker.adminPort} on ${host} are free.`)];
}
