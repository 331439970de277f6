import { parse } from "pg-connection-string";

/** What a connection string may say besides, by libpq's names for it. */
const PARAMETERS: Readonly<Record<string, string>> = {
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  channel_binding: "PGCHANNELBINDING",
};

/**
 * The environment with which a program of Postgres connects. Neither the password nor the connection string stands on its
 * command line, where everybody on the machine reads it; nothing of the caller's own PG* variables counts.
 */
export function libpqEnvironment(url: string, applicationName: string): Record<string, string> {
  const { host, port, user, password, database, options } = parse(url);
  const stated = {
    PGHOST: host,
    PGPORT: port,
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
    PGOPTIONS: options,
    PGAPPNAME: applicationName,
    PGCONNECT_TIMEOUT: "10",
    ...parametersOf(url),
    // Debian's pg_dump is a script that looks for the real one.
    PATH: "/usr/bin:/bin",
    LC_ALL: "C",
  };
  return Object.fromEntries(
    Object.entries(stated).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
}

function parametersOf(url: string): Record<string, string> {
  const entries = [...new URL(url).searchParams].flatMap(([name, value]) => {
    const variable = PARAMETERS[name];
    // node-postgres' own word for what libpq does by `require`.
    return variable ? [[variable, value === "no-verify" ? "require" : value]] : [];
  });
  return Object.fromEntries(entries);
}
