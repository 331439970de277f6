import { chownSync, readFileSync, statSync } from "node:fs";

/** The user that Postgres runs as; null means the user of this process. */
export interface ServerAccount {
  uid: number;
  gid: number;
}

/** `nobody` where /etc/passwd does not say otherwise. */
const NOBODY: ServerAccount = { uid: 65_534, gid: 65_534 };

/**
 * Postgres refuses to run as root. Then an existing cluster runs as whoever owns it, and a new one as `nobody`, so that
 * no user has to be created on the machine.
 */
export function serverAccount(clusterDir: string): ServerAccount | null {
  if (process.getuid?.() !== 0) {
    return null;
  }
  const owner = statSync(clusterDir, { throwIfNoEntry: false });
  return owner !== undefined && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : nobody();
}

/** Hands a file or folder to the server's user. */
export function giveTo(account: ServerAccount | null, path: string): void {
  if (account !== null) {
    chownSync(path, account.uid, account.gid);
  }
}

function nobody(): ServerAccount {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((candidate) => candidate.startsWith("nobody:"));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : NOBODY;
}
