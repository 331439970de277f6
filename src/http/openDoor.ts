import type { Pool } from "pg";
import type { Logger } from "pino";

import { listenForAccessChanges } from "../auth/accessChanges.ts";
import { type Authenticate, makeAuthenticate } from "../auth/authenticate.ts";
import { type HashClient, makeHashClient } from "../auth/clientHash.ts";
import { makeNoteClient, type NoteClient } from "../auth/noteClient.ts";
import { makeRecognizePerson } from "../auth/recognizePerson.ts";
import { makeVerifyToken } from "../auth/verifyToken.ts";
import type { Config } from "../config.ts";
import type { ReplicaReads } from "../database/replicas/ReplicaReads.ts";
import type { ReleaseList } from "../ReleaseList.ts";
import { type ClientAddress, makeClientAddress } from "./clientAddress.ts";
import { makeOpenSockets, type OpenSockets } from "./openSockets.ts";

/** Who is let in, and shown out when their rights end. */
export interface Door {
  authenticate: Authenticate;
  /** For whoever has been let in, and paid for it: it asks the database. */
  noteClient: NoteClient;
  /** Where a request comes from: what is counted and what a session is recognised by are the same address. */
  clientAddress: ClientAddress;
  hashClient: HashClient;
  openSockets: OpenSockets;
}

interface DoorParts {
  /** The connections that serve requests. */
  pool: Pool;
  /** The same login, for a connection that only listens. */
  url: string;
  logger: Logger;
  /** Told that somebody's rights have become less, or may have. */
  replicas?: ReplicaReads | null;
  releases: ReleaseList;
}

/** Rejects when the connection cannot be had on which it hears of rights that end. */
export async function openDoor(
  config: Pick<Config, "api" | "auth" | "database">,
  { pool, url, logger, replicas, releases }: DoorParts,
): Promise<Door> {
  const recognize = makeRecognizePerson(pool);
  const openSockets = makeOpenSockets();
  const stopListening = await listenForAccessChanges(config.database.listenUrl ?? url, logger, {
    onChange(change) {
      replicas?.forbidEarlier();
      openSockets.apply(change);
      if (change.userId !== null) {
        recognize.forget(change.userId);
      }
    },
    onGap() {
      replicas?.forbidEarlier();
      openSockets.closeAll();
    },
  });
  releases.add(stopListening);
  return {
    authenticate: makeAuthenticate(makeVerifyToken(config.auth, { logger }), recognize),
    noteClient: makeNoteClient(pool),
    clientAddress: makeClientAddress(config.api.trustedProxies),
    hashClient: makeHashClient(config.auth.jwtSecret ?? config.database.roleSecret),
    openSockets,
  };
}
