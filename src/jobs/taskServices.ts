import { AsyncLocalStorage } from "node:async_hooks";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";

import type { Task } from "graphile-worker";
import type { Logger } from "pino";

import type { Config } from "../config.ts";
import { type CredentialBoxes, makeCredentialBoxes } from "../integrations/credentials.ts";
import { type Mail, openMail } from "../mail/openMail.ts";
import type { OutboundConfig } from "../outbound/parseOutbound.ts";

/** What tasks use besides the database. */
export interface TaskServices {
  mail: Mail;
  /** Where links in mails lead. */
  appUrl: string;
  /** Absolute path; see ExportsConfig. */
  exportFolder: string;
  /** What opens the secrets of integrations and webhooks; null without INTEGRATION_KEY. */
  credentials: CredentialBoxes | null;
  outbound: OutboundConfig;
}

const TASKS_FOLDER = join(import.meta.dirname, "../tasks");
const storage = new AsyncLocalStorage<TaskServices>();

/** The services of the worker that runs the present task. Throws outside of a task. */
export function taskServices(): TaskServices {
  const services = storage.getStore();
  if (!services) {
    throw new Error("There are no services outside of a task that loadTasks() has loaded.");
  }
  return services;
}

/** What the tasks of one worker use; closed when no job runs any more. */
export function openTaskServices(
  { mail, exports, integrations, outbound }: Pick<Config, "mail" | "exports" | "integrations" | "outbound">,
  logger: Logger,
): TaskServices {
  return {
    mail: openMail(mail, logger),
    appUrl: mail.appUrl,
    exportFolder: exports.folder,
    credentials: makeCredentialBoxes(integrations.keys),
    outbound,
  };
}

/** Every task of src/tasks by its file's name, which has these services while it runs. */
export async function loadTasks(services: TaskServices): Promise<Record<string, Task>> {
  const files = (await readdir(TASKS_FOLDER)).filter((file) => file.endsWith(".ts"));
  const tasks = await Promise.all(
    files.map(async (file): Promise<[string, Task]> => {
      const { default: task }: { default: Task } = await import(join(TASKS_FOLDER, file));
      return [
        basename(file, ".ts"),
        (payload, helpers) => storage.run(services, () => task(payload, helpers)),
      ];
    }),
  );
  return Object.fromEntries(tasks);
}
