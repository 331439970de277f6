import { afterAll, beforeAll } from "@jest/globals";
import pg from "pg";
import { pino } from "pino";

import type { Config } from "../../src/config.ts";
import { databaseName, type DatabaseUrls } from "../../src/database/databaseUrls.ts";
import type { OpenDatabase } from "../../src/database/openDatabase.ts";
import { openThrowAwayDatabase } from "../../src/database/throwAway/openThrowAwayDatabase.ts";
import { withClient } from "../../src/database/withClient.ts";
import { type StandbyServer, startReplica } from "./startReplica.ts";

export interface ReplicatedDatabase {
  readonly config: Config;
  readonly urls: DatabaseUrls;
  readonly replica: StandbyServer;
  /** Of the primary. */
  readonly superuser: pg.Pool;
  /** Runs a statement on the replica, as its superuser. */
  onReplica(sql: string): Promise<void>;
  beforeDrop(release: () => Promise<void>): void;
}

/** Two servers and a migration, on a machine that does other things. */
const START_TIMEOUT = 180_000;

/** A migrated database on a server of its own, and a streaming replica of it. */
export function useReplicatedDatabase(): ReplicatedDatabase {
  let open: { database: OpenDatabase; replica: StandbyServer; superuser: pg.Pool } | undefined;
  const releases: (() => Promise<void>)[] = [];
  const opened = () => {
    if (!open) {
      throw new Error("The database is there inside tests only.");
    }
    return open;
  };
  beforeAll(async () => {
    const version = process.env.TEST_POSTGRES_VERSION === "15" ? 15 : 18;
    const database = await openThrowAwayDatabase(pino({ level: "silent" }), version);
    // A replica gets what is flushed; throw-away servers take their time with that. It counts for connections from now on.
    await withClient(database.urls.superuser, (client) =>
      client.query(`alter database ${databaseName(database.urls.superuser)} set synchronous_commit to on`),
    );
    const superuser = new pg.Pool({ connectionString: database.urls.superuser, max: 4 });
    const replica = await startReplica(database.urls.superuser, database.config.database.dataDir, version);
    open = { database, replica, superuser };
  }, START_TIMEOUT);
  afterAll(async () => {
    await Promise.all(releases.splice(0).map((release) => release()));
    await open?.superuser.end();
    await open?.replica.stop();
    await open?.database.close();
  }, START_TIMEOUT);
  return {
    get config() {
      return opened().database.config;
    },
    get urls() {
      return opened().database.urls;
    },
    get replica() {
      return opened().replica;
    },
    get superuser() {
      return opened().superuser;
    },
    async onReplica(sql) {
      const client = new pg.Client({
        connectionString: opened().replica.urlOf(opened().database.urls.superuser),
      });
      await client.connect();
      await client.query(sql).finally(() => client.end());
    },
    beforeDrop: (release) => void releases.push(release),
  };
}
