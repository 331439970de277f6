import {
  closeSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { openNamelessFile, type PgProgram, runPgProgram } from "./pgProgram.ts";
import { findPostmaster, type Postmaster, removeStaleLocks } from "./postmaster.ts";
import { giveTo } from "./serverAccount.ts";

const SETTLE_TIMEOUT = 60_000;
const START_ATTEMPTS = 4;
/** Of a minute's worth of shutdown, almost all is the checkpoint. */
const STOP_TIMEOUT_SECONDS = 60;
const LOG_LIMIT = 10 * 1024 * 1024;
const LOG_FILE = "server.log";

/** The binaries bring ICU, so names sort the same, and as people expect, on every machine and version. */
const LOCALE = ["--locale-provider=icu", "--icu-locale=und", "--locale=C"];

const SETTINGS = `
# Added by Bailiwick. Port and socket come with the command line.
listen_addresses = '127.0.0.1'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_checkpoints = off
# The defaults are for a machine of thirty years ago: an import of a million rows would wait for checkpoints.
shared_buffers = '256MB'
max_wal_size = '4GB'
`;

/** The Unix socket lies in the cluster's folder: it goes when that goes, and only the server's user reaches it. */
const SOCKET_FOLDER = ".";

/** Settings for a server whose data nobody needs after a crash. */
const THROW_AWAY = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];

export interface StartOptions {
  /** The file that remembers the port, so that it stays the same from start to start as long as it is free. */
  portFile: string;
  isThrowAway: boolean;
}

/** Creates the cluster if it is not there. A creation that was killed half-way leaves nothing behind but a draft. */
export async function createCluster(
  { account, binaries, clusterDir }: PgProgram,
  superuserPassword: string,
): Promise<void> {
  if (existsSync(join(clusterDir, "PG_VERSION"))) {
    return;
  }
  const draft = `${clusterDir}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  giveTo(account, draft);
  const passwordFile = openNamelessFile(superuserPassword, account);
  try {
    const { status, output } = await runPgProgram(
      { account, binaries, clusterDir: draft },
      "initdb",
      [
        ...["--username=postgres", "--auth=scram-sha-256", "--pwfile=/dev/stdin", "--data-checksums"],
        ...["--encoding=UTF8", ...LOCALE],
      ],
      passwordFile,
    );
    if (status !== 0) {
      throw new Error(`initdb could not create the database cluster in '${draft}': ${output}`);
    }
  } finally {
    closeSync(passwordFile);
  }
  writeFileSync(join(draft, "postgresql.conf"), SETTINGS, { flag: "a" });
  renameSync(draft, clusterDir);
}

/** Adopts the cluster's running server, or starts one. */
export async function startServer(program: PgProgram, options: StartOptions): Promise<Postmaster> {
  const running = await settledPostmaster(program.clusterDir);
  if (running !== null) {
    return running;
  }
  limitLog(program.clusterDir);
  let problem = "";
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    removeStaleLocks(program.clusterDir);
    const port = await choosePort(options.portFile);
    problem = await tryToStart(program, port, options);
    const postmaster = await settledPostmaster(program.clusterDir);
    if (postmaster !== null) {
      writeFileSync(options.portFile, String(port));
      return postmaster;
    }
    // A killed server's children need a moment to notice; a port may have been taken since it was chosen.
    if (!/pre-existing shared memory|could not bind|could not create any TCP/.test(problem)) {
      break;
    }
    rmSync(options.portFile, { force: true });
    await sleep(500 * (attempt + 1));
  }
  throw new Error(`The embedded Postgres in '${program.clusterDir}' does not start: ${problem}`);
}

/** Stops the server: open transactions are rolled back, connections closed. */
export async function stopServer(program: PgProgram): Promise<void> {
  const stop = (mode: string) =>
    runPgProgram(program, "pg_ctl", [
      "stop",
      "--wait",
      `--timeout=${STOP_TIMEOUT_SECONDS}`,
      `--mode=${mode}`,
    ]);
  if ((await settledPostmaster(program.clusterDir)) === null) {
    return;
  }
  const { output } = await stop("fast");
  if (findPostmaster(program.clusterDir) !== null) {
    // Data is safe either way: the next start replays the log.
    await stop("immediate");
  }
  if (findPostmaster(program.clusterDir) !== null) {
    throw new Error(`The embedded Postgres in '${program.clusterDir}' does not stop: ${output}`);
  }
}

async function tryToStart(program: PgProgram, port: number, options: StartOptions): Promise<string> {
  const log = join(program.clusterDir, LOG_FILE);
  const logged = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  const settings = options.isThrowAway ? THROW_AWAY.map((setting) => `-c ${setting}`) : [];
  const { output } = await runPgProgram(program, "pg_ctl", [
    ...["start", "--wait", `--log=${LOG_FILE}`],
    ...["-o", [`-p ${port}`, `-k ${SOCKET_FOLDER}`, ...settings].join(" ")],
  ]);
  const news = existsSync(log) ? readFileSync(log).subarray(logged).toString("utf8").trim() : "";
  return news || output;
}

/** Waits while a server is neither ready nor gone. */
async function settledPostmaster(clusterDir: string): Promise<Postmaster | null> {
  const deadline = Date.now() + SETTLE_TIMEOUT;
  for (;;) {
    const postmaster = findPostmaster(clusterDir);
    if (postmaster === null || postmaster.isReady) {
      return postmaster;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `The Postgres of '${clusterDir}' (process ${postmaster.pid}) has been starting or stopping for ${SETTLE_TIMEOUT / 1000} s; see '${join(clusterDir, LOG_FILE)}'.`,
      );
    }
    await sleep(50);
  }
}

/** The port of last time if it is free, else any free one. */
async function choosePort(portFile: string): Promise<number> {
  const remembered = existsSync(portFile) ? Number(readFileSync(portFile, "utf8")) : 0;
  return (await freePort(remembered)) ?? (await freePort(0)) ?? 0;
}

function freePort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : null));
    });
  });
}

function limitLog(clusterDir: string): void {
  const log = join(clusterDir, LOG_FILE);
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT) {
    renameSync(log, `${log}.1`);
  }
}
