/**
 * The process that keeps a throw-away cluster and takes it away again. Its standard input is a pipe from whoever asked:
 * when that ends, because it is done, was interrupted or was killed, the server stops and its folder goes. So nothing is
 * left behind whatever happens to the process that uses the cluster.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

import { serverAccount } from "../embedded/serverAccount.ts";
import { startEmbeddedPostgres } from "../embedded/startEmbeddedPostgres.ts";
import { temporaryFolder } from "../embedded/temporaryFolder.ts";
import type { GuardianReport } from "./startThrowAwayCluster.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // Whoever sent it to the whole group ends the asking process too, which closes our input.
  process.on(signal, () => undefined);
}
// A pipe that nobody reads any more says what the end of the input says.
process.stdout.on("error", () => undefined);
const isAbandoned = new Promise<void>((resolve) => {
  process.stdin.resume().once("end", resolve).once("error", resolve);
});

async function guard(version: 15 | 18): Promise<void> {
  const dataDir = mkdtempSync(join(temporaryFolder(serverAccount("/")), "bailiwick-throw-away-"));
  try {
    // As root, the server runs as somebody else, who must be able to pass through.
    chmodSync(dataDir, 0o711);
    const { superuserUrl, stop } = await startEmbeddedPostgres({ dataDir, version, isThrowAway: true });
    try {
      const report: GuardianReport = { superuserUrl, dataDir };
      process.stdout.write(`${JSON.stringify(report)}\n`);
      await isAbandoned;
    } finally {
      await stop();
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

await guard(process.argv[2] === "15" ? 15 : 18);
