import type { CommandModule } from "yargs";

// Each command has options of its own; yargs cannot say "a list of commands of different options" otherwise.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Command = CommandModule<any, any>;

/** Every command by its name, in the order `--help` shows them. Loaded when needed: the gateway takes its time. */
export const COMMANDS: Record<string, () => Promise<Command>> = {
  start: async () => (await import("./start.ts")).startCommand,
  watch: async () => (await import("./watch.ts")).watchCommand,
  token: async () => (await import("./token.ts")).tokenCommand,
  url: async () => (await import("./url.ts")).urlCommand,
  seed: async () => (await import("./seed.ts")).seedCommand,
  import: async () => (await import("./importSynthea.ts")).importCommand,
  generate: async () => (await import("./generate.ts")).generateCommand,
  migrate: async () => (await import("./migrate.ts")).migrateCommand,
  backfill: async () => (await import("./backfill.ts")).backfillCommand,
  backup: async () => (await import("./backup.ts")).backupCommand,
  new: async () => (await import("./newTable.ts")).newCommand,
  schema: async () => (await import("./schema.ts")).schemaCommand,
  documents: async () => (await import("./documents.ts")).documentsCommand,
  access: async () => (await import("./access.ts")).accessCommand,
  audit: async () => (await import("./audit.ts")).auditCommand,
  jobs: async () => (await import("./jobs.ts")).jobsCommand,
  catalog: async () => (await import("./catalog.ts")).catalogCommand,
  docs: async () => (await import("./docs.ts")).docsCommand,
  doctor: async () => (await import("./doctor.ts")).doctorCommand,
};
