import type { Pool } from "pg";
import type { Logger } from "pino";
import { makePgService } from "postgraphile/adaptors/pg";

import { makeCompiledReadsPlugin } from "../plugins/CompiledReadsPlugin.ts";
import { makeDatabasePositionPlugin } from "../plugins/DatabasePositionPlugin.ts";
import { makeObserveOperationsPlugin } from "../plugins/ObserveOperationsPlugin.ts";
import type { OperationLimits } from "../plugins/OperationLimitsPlugin.ts";
import { makeRecordRequestsPlugin } from "../plugins/RecordRequestsPlugin.ts";
import type { EventRecorder } from "./audit/eventRecorder.ts";
import type { Identity } from "./auth/authenticate.ts";
import { pgSettings } from "./auth/pgSettings.ts";
import { NO_SCOPE } from "./auth/requestScope.ts";
import { signToken } from "./auth/signToken.ts";
import type { Config } from "./config.ts";
import { ReliableSubscriber } from "./database/ReliableSubscriber.ts";
import { makeRequestConnections, type RequestConnectionParts } from "./database/requestConnections.ts";
import type { TrustedDocuments } from "./documents/TrustedDocuments.ts";
import { makeMaskError } from "./errors/maskError.ts";
import type { RequestRecorder } from "./http/logRequest.ts";
import { acceptRequestId } from "./http/requestId.ts";
import { makeCredentialBoxes } from "./integrations/credentials.ts";
import { EXPOSED_SCHEMAS, INTROSPECTION_SETTINGS, makePreset, type PresetDependencies } from "./preset.ts";
import type { ReleaseList } from "./ReleaseList.ts";
import type { Metrics } from "./telemetry/metrics.ts";

export interface PresetParts {
  pool: Pool;
  url: string;
  logger: Logger;
  identities: WeakMap<object, Identity>;
  releases: ReleaseList;
  documents: TrustedDocuments;
  limits: OperationLimits;
  /** What a gateway that serves has besides: without it, connections come from the pool as it is, and nothing is counted. */
  service?: {
    connections: RequestConnectionParts;
    metrics: Metrics;
    recorder: RequestRecorder;
    events: EventRecorder;
  };
}

/** The API as a gateway serves it; also for what walks through it without a server. */
export function makeGatewayPreset(
  config: Config,
  { pool, url, logger, identities, releases, documents, limits, service }: PresetParts,
): GraphileConfig.Preset {
  const pgSubscriber = new ReliableSubscriber(config.database.listenUrl ?? url, logger);
  releases.add(() => pgSubscriber.close());
  const stockService = makePgService({
    pool,
    pgSubscriber,
    schemas: EXPOSED_SCHEMAS,
    pgSettingsForIntrospection: INTROSPECTION_SETTINGS,
  });
  const pgService = service
    ? {
        ...stockService,
        adaptor: {
          makePgService,
          ...makeRequestConnections(service.connections),
        },
      }
    : stockService;
  const { isExplorerServed, isSchemaShown } = config.api;
  const preset = makePreset(
    { isExplorerServed },
    {
      pgService,
      settingsOf: makeSettingsOf(identities, config.outbound.webhookNetworks, pgService),
      maskError: makeMaskError(logger, { isSchemaShown }),
      signToken: (subject) => signToken(config.auth, subject),
      credentials: makeCredentialBoxes(config.integrations.keys),
      documents,
      limits,
    },
  );
  const tellsTiming = config.environment === "development";
  return service
    ? {
        extends: [preset],
        // Data that are a text already (CompiledReadsPlugin) are sent as they are, all others are written as before.
        grafserv: { outputDataAsString: config.api.areReadsCompiled },
        plugins: [
          makeObserveOperationsPlugin({ ...service, tellsTiming }),
          makeRecordRequestsPlugin(service),
          ...(config.api.areReadsCompiled
            ? [makeCompiledReadsPlugin({ ...service, defaultPageSize: config.limits.page.defaultSize })]
            : []),
          ...(service.connections.replicas ? [makeDatabasePositionPlugin(service.connections.replicas)] : []),
        ],
      }
    : preset;
}

/**
 * What the database is told with a request. A request that did not pass through authentication has no identity and gets that of
 * nobody. The operator's own networks let SQL tell a webhook's address to which nothing would be delivered.
 */
function makeSettingsOf(
  identities: PresetParts["identities"],
  networks: readonly string[],
  nobody: object,
): PresetDependencies["settingsOf"] {
  return ({ node, ws }) => {
    const settings =
      identities.get(node?.req ?? ws?.socket ?? nobody)?.settings ??
      pgSettings(null, NO_SCOPE, acceptRequestId(undefined));
    return networks.length > 0 ? { ...settings, "app.webhook_networks": networks.join(",") } : settings;
  };
}
