import { execFile } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { Client } from "pg";

import { embeddedBinaries, type EmbeddedVersion } from "../../src/database/embedded/binaries.ts";
import { startServer, stopServer } from "../../src/database/embedded/cluster.ts";
import { findPostmaster } from "../../src/database/embedded/postmaster.ts";
import { giveTo, serverAccount } from "../../src/database/embedded/serverAccount.ts";
import { clusterFolder } from "../../src/database/embedded/startEmbeddedPostgres.ts";

export interface StandbyServer {
  /** The same connection as one to the primary, but here. */
  urlOf(primaryUrl: string): string;
  /** Ends it with SIGKILL, as a machine does that loses its power. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its folder. */
  stop(): Promise<void>;
}

const run = promisify(execFile);

/**
 * A streaming replica of a throw-away cluster, made as `pg_basebackup` does it, which the embedded Postgres does not
 * have. Its folder lies in the primary's: when that goes, whatever happens, this goes with it and its server ends.
 *
 * @param dataDir the folder of the primary's cluster.
 */
export async function startReplica(
  superuserUrl: string,
  dataDir: string,
  version: EmbeddedVersion = 18,
): Promise<StandbyServer> {
  const name = `replica-${process.pid}-${Date.now()}`;
  const clusterDir = join(dataDir, name);
  const account = serverAccount(clusterFolder(dataDir, version));
  mkdirSync(clusterDir, { mode: 0o700 });
  const primary = new Client({ connectionString: superuserUrl });
  await primary.connect();
  try {
    await primary.query("select pg_backup_start($1, true)", [name]);
    // Files come and go meanwhile; the log that follows says what became of them.
    await run("cp", ["-a", `${clusterFolder(dataDir, version)}/.`, clusterDir]).catch(() => undefined);
    const { rows } = await primary.query("select labelfile from pg_backup_stop(false)");
    for (const file of ["postmaster.pid", "postmaster.opts", "server.log"]) {
      rmSync(join(clusterDir, file), { force: true });
    }
    writeFileSync(join(clusterDir, "backup_label"), rows[0].labelfile);
    writeFileSync(join(clusterDir, "standby.signal"), "");
    writeFileSync(
      join(clusterDir, "postgresql.auto.conf"),
      `primary_conninfo = '${conninfo(superuserUrl)}'\n`,
    );
    ["", "backup_label", "standby.signal", "postgresql.auto.conf"].forEach((file) =>
      giveTo(account, join(clusterDir, file)),
    );
  } finally {
    await primary.end();
  }
  const program = { binaries: embeddedBinaries(version, account), account, clusterDir };
  const start = () => startServer(program, { portFile: `${clusterDir}.port`, isThrowAway: true });
  let { port } = await start();
  return {
    urlOf(primaryUrl) {
      const url = new URL(primaryUrl);
      url.port = String(port);
      return url.href;
    },
    async kill() {
      const postmaster = findPostmaster(clusterDir);
      if (postmaster) {
        process.kill(postmaster.pid, "SIGKILL");
      }
    },
    start: async () => void ({ port } = await start()),
    async stop() {
      if (existsSync(clusterDir)) {
        await stopServer(program);
        rmSync(clusterDir, { recursive: true, force: true });
        rmSync(`${clusterDir}.port`, { force: true });
      }
    },
  };
}

function conninfo(url: string): string {
  const { hostname, port, username, password } = new URL(url);
  return `host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}`;
}
