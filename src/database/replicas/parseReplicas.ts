interface Reader {
  problems: string[];
  text(name: string): string | null;
  integer(name: string, fallback: number, minimum: number, maximum: number): number;
}

/** Durations are milliseconds. */
export interface ReplicasConfig {
  /** Connections of the gateway's login role to streaming replicas. */
  urls: readonly string[];
  /** By how much an answer may be out of date; 0: it has everything that was committed before it was asked for. */
  staleness: number;
  /** For how long a read waits until a replica has caught up. */
  patience: number;
}

const POSTGRES = /^postgres(?:ql)?:$/;

export function parseReplicas({ problems, text, integer }: Reader): ReplicasConfig {
  const urls =
    text("DATABASE_REPLICA_URLS")
      ?.split(/\s*,\s*/)
      .filter(Boolean) ?? [];
  // Not repeated: it may hold a password.
  if (!urls.every((url) => POSTGRES.test(URL.parse(url)?.protocol ?? ""))) {
    problems.push("DATABASE_REPLICA_URLS must be URLs that start with postgres://, separated by commas");
  }
  return {
    urls,
    staleness: integer("REPLICA_STALENESS", 0, 0, 60_000),
    patience: integer("REPLICA_PATIENCE", 100, 1, 10_000),
  };
}
