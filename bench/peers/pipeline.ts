/**
 * Hand-written with everything that makes it fast: node's own HTTP server, tokens verified once and remembered, six shared
 * connections on which each request is one write and one round trip. `--json`: Postgres makes the JSON where it can.
 */
import { createServer, type IncomingMessage } from "node:http";

import { LRUCache } from "lru-cache";
import pg from "pg";

import type { PgSettings } from "../../src/auth/pgSettings.ts";
import { PreparedStatements } from "../../src/database/pipelined/PreparedStatements.ts";
import { runBatch } from "../../src/database/pipelined/runBatch.ts";
import { DATABASE_URL, PORT, SECRET_KEY, settingsOf } from "./identity.ts";
import { STATEMENTS, type Variables } from "./statements.ts";

const CONNECTIONS = 6;
const REMEMBER = 60_000;
const isJson = process.argv.includes("--json");

const connections = await Promise.all(
  Array.from({ length: CONNECTIONS }, async () => {
    const client = new pg.Client({ connectionString: DATABASE_URL, pipeline: true } as pg.ClientConfig);
    await client.connect();
    return { client, prepared: new PreparedStatements(100) };
  }),
);
const verified = new LRUCache<string, PgSettings>({ max: 10_000, ttl: REMEMBER });
let turn = 0;

function rememberedSettings(authorization: string | undefined): PgSettings {
  const known = verified.get(authorization ?? "");
  if (known) {
    return known;
  }
  const settings = settingsOf(authorization, SECRET_KEY);
  verified.set(authorization ?? "", settings);
  return settings;
}

async function answerOf(operation: string, authorization: string | undefined, variables: Variables) {
  const { text, json, values, answer } = STATEMENTS[operation] ?? {};
  const { client, prepared } = connections[turn++ % CONNECTIONS] ?? {};
  if (!text || !values || !answer || !client || !prepared) {
    return null;
  }
  const isMadeThere = isJson && json !== undefined;
  const { rows } = await runBatch(
    client,
    rememberedSettings(authorization),
    { name: operation, text: isMadeThere ? json : text, values: values(variables) },
    prepared,
  );
  return isMadeThere
    ? (rows as { json: string }[])[0]?.json
    : JSON.stringify({ data: answer(rows as Record<string, unknown>[]) });
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

createServer((request, response) => {
  void (async () => {
    try {
      const variables = JSON.parse(await readBody(request)) as Variables;
      const body = await answerOf(request.url?.slice(1) ?? "", request.headers.authorization, variables);
      response.writeHead(body ? 200 : 404, { "content-type": "application/json" }).end(body ?? "");
    } catch (error) {
      response.writeHead(500).end(JSON.stringify({ errors: [{ message: String(error) }] }));
    }
  })();
}).listen(Number(PORT), "127.0.0.1");
