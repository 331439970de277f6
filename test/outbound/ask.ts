import type { Actor } from "../support/database.ts";
import type { TestGateway } from "../support/graphql.ts";

/** What a mutation with one field answers; fails with its error. */
export async function ask<T>(
  api: TestGateway,
  person: Actor | null,
  query: string,
  input: object,
): Promise<T> {
  const { data, errors } = await api.query(person, query, { variables: { input } });
  if (errors) {
    throw new Error(`${errors[0]?.extensions?.code}: ${query}`);
  }
  return Object.values(data as object)[0] as T;
}
