import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";

import { type AuditConfig, parseAudit } from "./audit/parseAudit.ts";
import { type AuthConfig, parseAuth } from "./auth/parseAuth.ts";
import { parseReplicas, type ReplicasConfig } from "./database/replicas/parseReplicas.ts";
import { type ExportsConfig, parseExports } from "./exports/parseExports.ts";
import { type ApiConfig, parseApi } from "./http/parseApi.ts";
import type { SocketLimits } from "./http/SocketPlaces.ts";
import { type LimitsConfig, parseLimits } from "./limits/parseLimits.ts";
import { type MailConfig, parseMail } from "./mail/parseMail.ts";
import { type OutboundConfig, parseOutbound } from "./outbound/parseOutbound.ts";
import { parseWebhooks, type WebhooksConfig } from "./webhooks/parseWebhooks.ts";

export type { AuthConfig } from "./auth/parseAuth.ts";

export type Environment = "development" | "test" | "production";
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** Everything the environment says, read once, grouped by who consumes it. Durations are milliseconds. */
export interface Config {
  environment: Environment;
  http: HttpConfig;
  api: ApiConfig;
  /** Where the manifests of trusted documents lie, and whether nothing else is run. */
  documents: { folder: string; isExclusive: boolean };
  limits: LimitsConfig;
  database: DatabaseConfig;
  auth: AuthConfig;
  webhooks: WebhooksConfig;
  /** Keys that encrypt the secrets of integrations, see parseIntegrationKeys; null: secrets cannot be stored. */
  integrations: { keys: string | null };
  outbound: OutboundConfig;
  /** `silence`: milliseconds without a sign of life after which the others take a worker's jobs. */
  worker: { concurrency: number; poolSize: number; adminPort: number; silence: number };
  audit: AuditConfig;
  mail: MailConfig;
  exports: ExportsConfig;
  log: { level: LogLevel };
  telemetry: TelemetryConfig;
}

export interface TelemetryConfig {
  /** Makes the pseudonyms of people and addresses in the log; null: derived from another secret. */
  hashKey: string | null;
  /** Whether OpenTelemetry is configured, by its own variables, which its SDK reads. */
  traces: boolean;
}

export interface HttpConfig {
  host: string;
  port: number;
  adminPort: number;
  /** Requests that are served at the same time; more are refused at once. */
  maximumConcurrent: number;
  /** Websockets that are open at the same time; further ones are refused. */
  sockets: SocketLimits;
  /** How long a stopping process goes on serving while it already says that it is not ready. */
  drainDelay: number;
  /** Whether other processes listen on the port as well. */
  sharesPort?: boolean;
  /** How many processes serve requests; one: this one. */
  processes: number;
  /** Names of readiness checks whose failure is told but leaves the process ready. */
  advisoryChecks: readonly string[];
}

export interface DatabaseConfig {
  /** The administrative connection to the application's database; null means the embedded server in `dataDir`. */
  url: string | null;
  gatewayUrl: string | null;
  /** The gateway's connection past a pooler, for what listens. */
  listenUrl: string | null;
  workerUrl: string | null;
  migratorUrl: string | null;
  backupUrl: string | null;
  sealerUrl: string | null;
  recorderUrl: string | null;
  /** Passwords of the login roles are HMAC-SHA256(roleSecret, role name); null means the one of `dataDir`. */
  roleSecret: string | null;
  /** Absolute path. */
  dataDir: string;
  /** Absolute path of the folder that takes the reports of `migrate up`. */
  migrationLogFolder: string;
  gatewayPoolSize: number;
  /** How long a request waits for a connection when all are in use. */
  gatewayPoolWait: number;
  /** Connections that the short reads of all requests share. */
  gatewaySharedConnections: number;
  /** Named statements that a connection keeps prepared; 0: none. */
  preparedStatements: number;
  replicas: ReplicasConfig;
}

const ENVIRONMENTS = ["development", "test", "production"] as const;
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const POSTGRES = ["postgres:", "postgresql:"];
const MINIMUM_SECRET_LENGTH = 32;
/** Any of these switches traces on; what they mean is for OpenTelemetry's SDK. */
const OTEL_VARIABLES = [
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_TRACES_EXPORTER",
];

/** The folder of package.json. `.env` and the default data folder lie in it, wherever a command is called from. */
export const PROJECT_ROOT = join(import.meta.dirname, "..");

/** The environment of this process and the project's `.env`; a variable that is set wins over the file. */
export function loadEnvironment(): NodeJS.ProcessEnv {
  const file = join(PROJECT_ROOT, ".env");
  if (existsSync(file)) {
    process.loadEnvFile(file);
  }
  return process.env;
}

/** The Config of this process. */
export function loadConfig(): Config {
  return parseConfig(loadEnvironment());
}

/** Turns environment variables into a Config; throws one error that lists every problem. */
export function parseConfig(env: NodeJS.ProcessEnv): Config {
  const read = makeReader(env);
  const environment = read.oneOf("NODE_ENV", ENVIRONMENTS, "development");
  const dataDir = resolve(read.text("DATA_DIR") ?? join(PROJECT_ROOT, ".data"));
  const config: Config = {
    environment,
    http: {
      host: read.text("HOST") ?? "127.0.0.1",
      port: read.integer("PORT", 5678, 0, 65_535),
      adminPort: read.integer("ADMIN_PORT", 5679, 0, 65_535),
      maximumConcurrent: read.integer("MAX_CONCURRENT_REQUESTS", 100, 1, 100_000),
      sockets: {
        total: read.integer("MAX_WEBSOCKETS", 5000, 1, 1_000_000),
        perAddress: read.integer("MAX_WEBSOCKETS_PER_ADDRESS", 500, 1, 1_000_000),
      },
      drainDelay: read.integer("DRAIN_DELAY", environment === "production" ? 5000 : 0, 0, 15_000),
      processes:
        read.text("GATEWAY_PROCESSES") === "auto"
          ? availableParallelism()
          : read.integer("GATEWAY_PROCESSES", 1, 1, 256),
      advisoryChecks: read.text("READY_ADVISORY")?.split(/\s*,\s*/) ?? [],
    },
    api: parseApi(read, environment),
    documents: {
      folder: resolve(read.text("DOCUMENTS_DIR") ?? join(PROJECT_ROOT, "documents")),
      isExclusive: read.boolean("DOCUMENTS_ONLY", false),
    },
    limits: parseLimits(read.integer),
    database: parseDatabase(read, dataDir),
    auth: parseAuth(read, environment === "production"),
    webhooks: parseWebhooks(read),
    integrations: { keys: read.secret("INTEGRATION_KEY") },
    outbound: parseOutbound(read),
    worker: {
      concurrency: read.integer("WORKER_CONCURRENCY", 4, 1, 100),
      poolSize: read.integer("WORKER_POOL_SIZE", 10, 2, 1000),
      adminPort: read.integer("WORKER_ADMIN_PORT", 5680, 0, 65_535),
      silence: read.integer("WORKER_SILENCE", 30_000, 1000, 3_600_000),
    },
    audit: parseAudit(read, { dataDir, isProduction: environment === "production" }),
    mail: parseMail(read, { dataDir, isProduction: environment === "production" }),
    exports: parseExports(read, dataDir),
    log: { level: read.oneOf("LOG_LEVEL", LOG_LEVELS, environment === "production" ? "info" : "warn") },
    telemetry: {
      hashKey: read.secret("LOG_HASH_KEY"),
      traces: read.text("OTEL_SDK_DISABLED") !== "true" && OTEL_VARIABLES.some((name) => read.text(name)),
    },
  };
  const problems = [...read.problems, ...contradictions(config)];
  if (problems.length > 0) {
    throw new Error(`Invalid configuration:\n- ${problems.join("\n- ")}`);
  }
  return config;
}

function parseDatabase(read: ReturnType<typeof makeReader>, dataDir: string): DatabaseConfig {
  return {
    // graphile-migrate says by GM_DBURL which database its actions (.gmrc) are about, and spoils DATABASE_URL for them.
    url: read.url("GM_DBURL", POSTGRES) ?? read.url("DATABASE_URL", POSTGRES),
    gatewayUrl: read.url("GATEWAY_DATABASE_URL", POSTGRES),
    listenUrl: read.url("GATEWAY_LISTEN_URL", POSTGRES),
    workerUrl: read.url("WORKER_DATABASE_URL", POSTGRES),
    migratorUrl: read.url("MIGRATOR_DATABASE_URL", POSTGRES),
    backupUrl: read.url("BACKUP_DATABASE_URL", POSTGRES),
    sealerUrl: read.url("SEALER_DATABASE_URL", POSTGRES),
    recorderUrl: read.url("RECORDER_DATABASE_URL", POSTGRES),
    roleSecret: read.secret("ROLE_SECRET"),
    dataDir,
    migrationLogFolder: resolve(read.text("MIGRATION_LOG_FOLDER") ?? join(PROJECT_ROOT, "logs/migrations")),
    gatewayPoolSize: read.integer("GATEWAY_POOL_SIZE", 10, 1, 1000),
    gatewayPoolWait: read.integer("GATEWAY_POOL_WAIT", 500, 1, 60_000),
    gatewaySharedConnections: read.integer("GATEWAY_SHARED_CONNECTIONS", 6, 1, 100),
    preparedStatements: read.integer("PREPARED_STATEMENTS", 200, 0, 10_000),
    replicas: parseReplicas(read),
  };
}

/** What no single variable shows: combinations that are refused, above all in production. */
function contradictions(config: Config): string[] {
  const problems: string[] = [];
  const { auth, database, http, webhooks } = config;
  if (webhooks.clerkSecrets && auth.outside.filter(({ kind }) => kind === "clerk").length !== 1) {
    problems.push(
      "CLERK_WEBHOOK_SECRET needs one issuer of kind clerk in JWT_ISSUERS, whose users it tells of",
    );
  }
  const { defaultSize, maximumSize } = config.limits.page;
  if (defaultSize > maximumSize) {
    problems.push(
      `DEFAULT_PAGE_SIZE (${defaultSize}) must not be larger than MAX_PAGE_SIZE (${maximumSize})`,
    );
  }
  if (http.port !== 0 && http.port === http.adminPort) {
    problems.push(`PORT and ADMIN_PORT must differ; both are ${http.port}`);
  }
  if (config.environment !== "production") {
    return problems;
  }
  // Which process this is, and so which of them it needs, is known where it connects.
  if (!database.url && !database.gatewayUrl && !database.workerUrl && !database.backupUrl) {
    problems.push(
      "production does not use the embedded Postgres: set DATABASE_URL, or GATEWAY_DATABASE_URL, WORKER_DATABASE_URL or BACKUP_DATABASE_URL",
    );
  }
  if (database.url && !database.roleSecret && !(database.gatewayUrl && database.workerUrl)) {
    problems.push("ROLE_SECRET is required in production: the passwords of the login roles derive from it");
  }
  return problems;
}

/** Readers of single variables; an empty variable counts as absent. Problems collect in `problems`. */
function makeReader(env: NodeJS.ProcessEnv) {
  const problems: string[] = [];
  const text = (name: string): string | null => env[name] || null;
  return {
    problems,
    text,
    integer(name: string, fallback: number, minimum: number, maximum: number): number {
      const raw = text(name);
      if (raw === null) {
        return fallback;
      }
      const value = Number(raw);
      if (!Number.isInteger(value) || value < minimum || value > maximum) {
        problems.push(`${name} must be a whole number from ${minimum} to ${maximum}; got '${raw}'`);
        return fallback;
      }
      return value;
    },
    boolean(name: string, fallback: boolean): boolean {
      const raw = text(name);
      if (raw !== null && raw !== "true" && raw !== "false") {
        problems.push(`${name} must be true or false; got '${raw}'`);
      }
      return raw === null ? fallback : raw === "true";
    },
    oneOf<const T extends string>(name: string, allowed: readonly T[], fallback: NoInfer<T>): T {
      const raw = text(name);
      if (raw === null) {
        return fallback;
      }
      const value = allowed.find((candidate) => candidate === raw);
      if (value === undefined) {
        problems.push(`${name} must be one of ${allowed.join(", ")}; got '${raw}'`);
        return fallback;
      }
      return value;
    },
    // Neither a URL nor a secret is repeated in a message: both may hold a password.
    url(name: string, protocols: readonly string[]): string | null {
      const raw = text(name);
      const protocol = raw === null ? null : URL.parse(raw)?.protocol;
      if (raw !== null && !(protocol && protocols.includes(protocol))) {
        problems.push(
          `${name} must be a URL that starts with ${protocols.map((p) => `${p}//`).join(" or ")}`,
        );
      }
      return raw;
    },
    secret(name: string): string | null {
      const raw = text(name);
      if (raw !== null && raw.length < MINIMUM_SECRET_LENGTH) {
        problems.push(`${name} must have at least ${MINIMUM_SECRET_LENGTH} characters; got ${raw.length}`);
      }
      return raw;
    },
  };
}
