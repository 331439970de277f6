import { Client } from "pg";

export interface ClientOptions {
  /** Shown in pg_stat_activity. */
  applicationName?: string;
}

const CONNECTION_TIMEOUT = 10_000;

/** Runs `fn` with one connection outside of any pool; what it left open in a transaction is rolled back. */
export async function withClient<T>(
  url: string,
  fn: (client: Client) => Promise<T>,
  { applicationName = "bailiwick" }: ClientOptions = {},
): Promise<T> {
  const client = new Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECTION_TIMEOUT,
    keepAlive: true,
  });
  // A lost connection fails the query under way, which is enough; unheard, it would end the process as well.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await fn(client);
  } finally {
    await client.end();
  }
}
