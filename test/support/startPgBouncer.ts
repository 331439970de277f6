import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chmodSync, constants, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";

import { Client } from "pg";

import { giveTo, serverAccount } from "../../src/database/embedded/serverAccount.ts";
import { temporaryFolder } from "../../src/database/embedded/temporaryFolder.ts";
import { eventually } from "./eventually.ts";

const FETCHED = join(import.meta.dirname, "../../node_modules/.cache/pgbouncer");

/** Every PgBouncer that is installed, or was fetched by scripts/fetchPgBouncer.sh. */
export function findPgBouncers(): string[] {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const installed = folders.map((folder) => join(folder, "pgbouncer")).filter(isProgram);
  const suites = isProgram(FETCHED) ? readdirSync(FETCHED) : [];
  return [...installed.slice(0, 1), ...suites.map((suite) => join(FETCHED, suite, "pgbouncer"))];
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface PgBouncer {
  /** The same connection, by way of the pooler. */
  urlOf(url: string): string;
  stop(): Promise<void>;
}

/**
 * A pooler in transaction mode before a server, with two connections to it for each login.
 *
 * @param urls connections of the logins that it lets in.
 */
export async function startPgBouncer(
  program: string,
  urls: readonly string[],
  preparedStatements: number,
): Promise<PgBouncer> {
  const account = serverAccount("/");
  const folder = mkdtempSync(join(temporaryFolder(account), "bailiwick-pgbouncer-"));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const logins = urls.map((url) => new URL(url));
  const users = logins.map(({ username, password }) => `"${username}" "${decodeURIComponent(password)}"`);
  const write = (name: string, lines: string[]) => {
    writeFileSync(join(folder, name), `${lines.join("\n")}\n`, { mode: 0o600 });
    giveTo(account, join(folder, name));
    return join(folder, name);
  };
  const file = write("pgbouncer.ini", [
    "[databases]",
    `* = host=127.0.0.1 port=${logins[0]?.port}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    "auth_type = scram-sha-256",
    `auth_file = ${write("users.txt", users)}`,
    "pool_mode = transaction",
    "default_pool_size = 2",
    ...(preparedStatements > 0 ? [`max_prepared_statements = ${preparedStatements}`] : []),
  ]);
  const child = spawn(program, [file], { cwd: "/", stdio: "ignore", ...account });
  const exited = once(child, "exit");
  const urlOf = (url: string) => {
    const changed = new URL(url);
    changed.port = String(port);
    return changed.href;
  };
  const stop = async () => {
    child.kill("SIGINT");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually(() => answers(urlOf(urls[0] ?? "")));
  } catch (error) {
    await stop();
    throw error;
  }
  return { urlOf, stop };
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
