import type { PgClient, WithPgClient } from "postgraphile/@dataplan/pg";

type Settings = Record<string, string | undefined> | null;

/**
 * The `withPgClient` of an operation all of whose statements belong to one transaction. Each use becomes a savepoint, so
 * that a field that fails takes back its own change and no other; uses wait for each other.
 *
 * @param base the settings that the transaction has.
 */
export function inOneTransaction(client: PgClient, base: Settings): WithPgClient {
  const withPgClient = <T>(settings: Settings, callback: (client: PgClient) => T | Promise<T>) =>
    client.withTransaction(async (inner) => {
      const own = Object.entries(settings ?? {}).filter(([name, value]) => base?.[name] !== value);
      await set(inner, own);
      const result = await callback(inner);
      // What one field may say of itself (a verified signature) is not said by the next.
      await set(
        inner,
        own.map(([name]) => [name, base?.[name] ?? ""]),
      );
      return result;
    });
  return Object.assign(withPgClient, { release: () => undefined }) as WithPgClient;
}

async function set(client: PgClient, settings: [name: string, value: string | undefined][]): Promise<void> {
  if (settings.length > 0) {
    await client.query({
      text: "select set_config(el->>0, el->>1, true) from json_array_elements($1::json) el",
      values: [JSON.stringify(settings.map(([name, value]) => [name, value ?? ""]))],
    });
  }
}
