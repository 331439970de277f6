import { setTimeout as sleep } from "node:timers/promises";

import { type Client, createClient } from "graphql-ws";
import type pg from "pg";
import { WebSocket } from "ws";

import type { PreparedDatabase } from "../../database/prepareDatabase.ts";
import { withClient } from "../../database/withClient.ts";
import { markersIn } from "./canaries.ts";
import { leaksIn } from "./Findings.ts";
import type { Caller, Variables } from "./openApi.ts";
import { authorizationOf, type LoggedGateway, reportLog } from "./overHttp.ts";
import type { FuzzRequest } from "./RequestWriter.ts";
import { foreignValue, ownValue, type Sources } from "./sources.ts";
import type { TenantTable } from "./tenantRows.ts";
import { fill } from "./ValuePool.ts";
import type { Walk } from "./Walk.ts";

const ROUNDS = 25;
/** Milliseconds between changes; the first ones may come before everybody listens. */
const INTERVAL = 200;

/** Tables that announce their changes, and the column after whose values the channels are named. */
const ANNOUNCED = `
  select format('%I.%I', n.nspname, c.relname) as name, c.relname as channel,
    min(split_part(encode(t.tgargs, 'escape'), '\\000', 1)) as scope,
    bool_or(t.tgtype & 16 > 0) as "tellsUpdates"
  from pg_trigger t
  join pg_class c on c.oid = t.tgrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_proc p on p.oid = t.tgfoid
  where p.proname = 'tg__announce'
  group by n.nspname, c.relname
  order by 1`;

interface AnnouncedTable {
  name: string;
  channel: string;
  scope: string;
  tellsUpdates: boolean;
}

interface Subscription {
  request: FuzzRequest;
  caller: Caller;
  variables: Variables;
  isInsider: boolean;
  news: number;
}

export interface LiveOptions {
  walk: Walk;
  database: PreparedDatabase;
  served: LoggedGateway;
  requests: readonly FuzzRequest[];
  sources: Sources;
  tables: readonly TenantTable[];
  outsiders: readonly Caller[];
  insiders: readonly Caller[];
}

/**
 * Subscribes to everything, as outsiders to their own and to foreign news and as insiders to theirs, while rows of both
 * tenants change; and listens to what Postgres itself announces. Insiders have to hear something: else nothing was tried.
 */
export async function watchLiveNews(options: LiveOptions): Promise<void> {
  const { walk, database, served } = options;
  const subscriptions = subscriptionsOf(options);
  const clients = subscriptions.map((subscription) => subscribe(options, subscription));
  try {
    await withClient(database.urls.superuser, async (superuser) => {
      const { rows: tables } = await superuser.query<AnnouncedTable>(ANNOUNCED);
      await listening(walk, database, tables, async () => {
        for (let round = 0; round < ROUNDS && !isHeard(subscriptions); round++) {
          walk.signal?.throwIfAborted();
          for (const table of tables) {
            await superuser.query(changeOf(table, options.tables));
          }
          await sleep(INTERVAL);
        }
      });
    });
    for (const { request } of unheard(subscriptions)) {
      const detail = "no news reached the foreign tenant's own people, so nothing was tried";
      walk.report({ kind: "blind", field: request.title, person: "", detail });
    }
    reportLog(walk, served.takeLog(), "Subscription", "");
  } finally {
    await Promise.all(clients.map((client) => client.dispose()));
  }
}

/** Announces every row of a table, and leaves it as it is. */
function changeOf({ name, scope, tellsUpdates }: AnnouncedTable, tables: readonly TenantTable[]): string {
  if (tellsUpdates) {
    return `update ${name} set ${scope} = ${scope}`;
  }
  const columns = tables.find((table) => table.name === name)?.columns ?? [];
  const list = columns.map((column) => `"${column.name}"`).join(", ");
  return `with gone as (delete from ${name} returning *) insert into ${name} (${list}) select ${list} from gone`;
}

function subscriptionsOf({ requests, sources, outsiders, insiders }: LiveOptions): Subscription[] {
  return requests.flatMap((request) => {
    const foreign = fill(request, (subject) => foreignValue(sources, subject));
    const own = fill(request, (subject) => ownValue(sources, subject));
    const of = (caller: Caller, variables: Variables, isInsider: boolean) => ({
      request,
      caller,
      variables,
      isInsider,
      news: 0,
    });
    return [
      ...outsiders.map((caller) => of(caller, foreign, false)),
      ...(request.slots.length > 0 ? outsiders.map((caller) => of(caller, own, false)) : []),
      ...insiders.map((caller) => of(caller, foreign, true)),
    ];
  });
}

function subscribe({ walk, database, served }: LiveOptions, subscription: Subscription): Client {
  const { request, caller, variables, isInsider } = subscription;
  const client = createClient({
    url: new URL("graphql", served.gateway.url).href.replace(/^http/, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { ...authorizationOf(database, caller), ...caller.headers },
    retryAttempts: 0,
  });
  const take = (news: unknown) => {
    const text = JSON.stringify(news) ?? "";
    if (isInsider) {
      markersIn(text).forEach((marker) => walk.seen.add(marker));
    } else {
      const found = leaksIn({ data: news, text }, request, variables, caller, walk.secrets);
      found.forEach((finding) => walk.report({ ...finding, kind: "event", field: request.title }));
    }
  };
  walk.requests += 1;
  walk.noteItems(request);
  client.subscribe(
    { query: request.text, variables },
    {
      next: (news) => {
        subscription.news += news.errors ? 0 : 1;
        take(news);
      },
      error: take,
      complete: () => undefined,
    },
  );
  return client;
}

function isHeard(subscriptions: readonly Subscription[]): boolean {
  return unheard(subscriptions).length === 0;
}

/** Subscriptions of which no insider has heard anything. */
function unheard(subscriptions: readonly Subscription[]): Subscription[] {
  const heard = new Set(
    subscriptions.filter(({ isInsider, news }) => isInsider && news > 0).map(({ request }) => request),
  );
  return subscriptions.filter(({ isInsider, request }) => isInsider && !heard.has(request));
}

/** Holds what Postgres announces of the foreign rows against the canaries: any connection could listen there. */
async function listening(
  walk: Walk,
  { urls }: PreparedDatabase,
  tables: readonly AnnouncedTable[],
  work: () => Promise<void>,
): Promise<void> {
  await withClient(urls.gateway, async (client: pg.Client) => {
    client.on("notification", ({ channel, payload = "" }) => {
      for (const marker of markersIn(`${channel} ${payload}`)) {
        const column = walk.secrets.canaries.get(marker)?.column;
        const field = `notifications of ${channel.split(":")[0]}`;
        walk.report({ kind: "event", field, person: "any connection", detail: `holds ${column}` });
      }
    });
    const channels = tables.flatMap(({ channel }) =>
      [...walk.secrets.foreignIds].map((id) => `${channel}:${id}`),
    );
    await client.query(channels.map((channel) => `listen "${channel}"`).join(";"));
    await work();
    // What was sent before this answer has arrived with it.
    await client.query("select 1");
  });
}
