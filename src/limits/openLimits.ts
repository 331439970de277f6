import type { Pool } from "pg";
import type { Logger } from "pino";

import type { OperationLimits } from "../../plugins/OperationLimitsPlugin.ts";
import type { Identity } from "../auth/authenticate.ts";
import type { Config } from "../config.ts";
import { makeListeningPool } from "../database/makeListeningPool.ts";
import { readManifests } from "../documents/readManifests.ts";
import { TrustedDocuments } from "../documents/TrustedDocuments.ts";
import { makeClientAddress } from "../http/clientAddress.ts";
import { makeLimitRequests, type RequestLimits } from "../http/limitRequests.ts";
import { currentRequestContext } from "../http/requestContext.ts";
import type { ReleaseList } from "../ReleaseList.ts";
import { chargeRequest } from "./chargeRequest.ts";
import { makeFindPayers } from "./findPayers.ts";
import { RateLimiter } from "./RateLimiter.ts";
import { shareUsage } from "./shareUsage.ts";

interface Parts {
  /** Connections of the gateway's login role. */
  pool: Pool;
  url: string;
  logger: Logger;
  identities: WeakMap<object, Identity>;
  releases: ReleaseList;
}

export interface Limits {
  /** What a request pays when it comes in. */
  requests: RequestLimits;
  /** Which documents are run, and what is checked, and paid, before an operation is planned. */
  api: { documents: TrustedDocuments; limits: OperationLimits };
}

/** Reads the trusted documents, and starts to count what everybody spends, together with the database's other gateways. */
export function openLimits(config: Config, { pool, url, logger, identities, releases }: Parts): Limits {
  const { folder, isExclusive } = config.documents;
  const documents = new TrustedDocuments(readManifests(folder), isExclusive);
  const limiter = new RateLimiter(config.limits.rate);
  const sharing = shareUsage(
    limiter,
    makeListeningPool(config.database.listenUrl ?? url, "bailiwick-limits", logger),
    logger,
  );
  releases.add(() => sharing.close());
  return {
    requests: makeLimitRequests({
      limiter,
      identities,
      clientAddress: makeClientAddress(config.api.trustedProxies),
      findPayers: makeFindPayers(pool),
    }),
    api: {
      documents,
      limits: {
        ...config.limits,
        isSchemaShown: config.api.isSchemaShown,
        isTrusted: (text) => documents.isTrusted(text),
        charge: (points) => chargeRequest(limiter, currentRequestContext()?.payers ?? [], points),
      },
    },
  };
}
